import { serveLane } from '../../runtime/lane-host.js';
import { WhisperModel } from './model.js';
import { dropPieces, receiveAudio, receivePiece } from './pieces.js';
import type { CancelParams, EmbedParams, Loaded, LoadParams, WindowReport } from './protocol.js';

/** The program of an audio lane. `load` is the first call, and all others come after its answer. */
let model: WhisperModel | undefined;
/** Sounds are embedded one after the other: each keeps all threads busy. */
let queue: Promise<unknown> = Promise.resolve();

serveLane(
  {
    load: async (params: LoadParams): Promise<Loaded> => {
      model = await WhisperModel.open(params);
      return model.probe();
    },
    embed: (params: EmbedParams, report: (window: WindowReport) => void) => {
      const source = receiveAudio(params.source);
      const work = queue.then(() => (model as WhisperModel).embed(source, params, report));
      queue = work.catch(() => {});
      return work;
    },
  },
  {
    piece: receivePiece,
    drop: dropPieces,
    // The one message that may come before the model: a call aborted while its lane is being replaced.
    cancel: ({ job }: CancelParams) => model?.cancel(job),
  },
);
