import { ImageSession } from '../../runtime/image-session.js';
import { serveLane } from '../../runtime/lane-host.js';
import { openSession } from '../../runtime/open-session.js';
import type { ImageModel } from './model.js';
import { openImageModel } from './open.js';
import { dropPieces, joined, receivePiece } from './pieces.js';
import type { CancelParams, EmbedImagesParams, ImageLoadParams, ImageReport, Loaded } from './protocol.js';

/** The program of an image lane. `load` is the first call, and all others come after its answer. */
let model: ImageModel | undefined;

async function load(params: ImageLoadParams): Promise<Loaded> {
  const { modelFile: file, session: settings } = params;
  const session = new ImageSession(await openSession({ file, ...settings }));
  const opened = await openImageModel(params, session);
  model = opened.model;
  return opened.loaded;
}

serveLane(
  {
    load,
    embed: (params: EmbedImagesParams, report: (value: ImageReport) => void) =>
      (model as ImageModel).embed({ ...params, images: params.images.map(joined) }, report),
  },
  {
    imagePiece: receivePiece,
    dropImages: dropPieces,
    // The one message that may come before the model: a job aborted while its lane is being replaced.
    cancel: ({ job }: CancelParams) => model?.cancel(job),
  },
);
