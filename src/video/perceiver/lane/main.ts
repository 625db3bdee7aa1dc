import { dropPieces, joined, receivePiece } from '../../../image/lane/pieces.js';
import type { CancelParams } from '../../../image/lane/protocol.js';
import { serveLane } from '../../../runtime/lane-host.js';
import { PerceiverModel } from './model.js';
import type { ClipStates, EmbedParams, Loaded, LoadParams } from './protocol.js';

/** The program of a Perceiver lane. `load` is the first call, and all others come after its answer. */
let model: PerceiverModel | undefined;

serveLane(
  {
    load: async (params: LoadParams): Promise<Loaded> => {
      model = await PerceiverModel.open(params);
      return model.probe();
    },
    embed: (params: EmbedParams): Promise<ClipStates> =>
      (model as PerceiverModel).embed({ ...params, images: params.images.map(joined) }),
  },
  {
    imagePiece: receivePiece,
    dropImages: dropPieces,
    // The one message that may come before the model: a call aborted while its lane is being replaced.
    cancel: ({ job }: CancelParams) => model?.cancel(job),
  },
);
