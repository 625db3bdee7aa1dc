import * as ort from 'onnxruntime-node';
import { EmbedlaneError } from '../../core/errors.js';
import { inputGeometry } from '../../image/geometry.js';
import type { ImageModel } from '../../image/lane/model.js';
import { openImageModel } from '../../image/lane/open.js';
import {
  dropPieces as dropImagePieces,
  joined,
  receivePiece as receiveImagePiece,
} from '../../image/lane/pieces.js';
import type { CancelParams, EmbedImagesParams, ImageReport } from '../../image/lane/protocol.js';
import { loadBinding } from '../../native/load.js';
import { ImageSession } from '../../runtime/image-session.js';
import { serveLane } from '../../runtime/lane-host.js';
import { openSession } from '../../runtime/open-session.js';
import { BatchScheduler } from '../../runtime/scheduler.js';
import { dropPieces, receivePiece, receiveTexts } from '../../text/lane/texts.js';
import { fitLogitScale, PROBE_TEXTS } from './logit-scale.js';
import type { ClipLoaded, ClipLoadParams, EmbedTextsParams, LogitScale, TextRows } from './protocol.js';
import { ClipTextModel } from './text-model.js';
import { ClipTextSession } from './text-session.js';

/** Outputs of a joint graph. */
const IMAGE_OUTPUTS = ['logits_per_image', 'text_embeds', 'image_embeds'] as const;

/** The program of a CLIP lane: both towers in one process, whose runs take turns on the same threads. */
let images: ImageModel | undefined;
let texts: ClipTextModel | undefined;
let loadParams: ClipLoadParams;
const scheduler = new BatchScheduler();

async function load(params: ClipLoadParams): Promise<ClipLoaded> {
  loadParams = params;
  const open = (file: string) => openSession({ file, ...params.image.session });
  const { text, vision, joint } = params;
  const [textGraph, visionGraph] =
    text !== undefined && vision !== undefined
      ? await Promise.all([open(text), open(vision)])
      : await open(joint as string).then((session) => [session, session]);
  const [image, textModel] = await Promise.all([
    openImageModel(params.image, new ImageSession(visionGraph), scheduler),
    ClipTextModel.open(
      new ClipTextSession(textGraph, blackPicture(params)),
      { ...params.tokenizer, tokenBudget: params.tokenBudget },
      loadBinding(),
      scheduler,
    ),
  ]);
  images = image.model;
  texts = textModel;
  const { dimensions } = image.loaded;
  const width = await texts.probe();
  if (width !== dimensions) {
    throw new EmbedlaneError(
      'ERR_MODEL_INVALID',
      `Expected vectors of one width from both towers but texts have ${width} dimensions and pictures ${dimensions}`,
    );
  }
  if (params.image.session.warmUp) await texts.warmUp();
  return { dimensions };
}

/** A joint graph wants a picture for its texts too, which has no influence on their vectors. */
function blackPicture({ image }: ClipLoadParams): Record<string, ort.Tensor> {
  const { x, y } = inputGeometry(image.preprocessing, 224, 224, image.heightFirst);
  const pixels = new Float32Array(3 * x.window * y.window);
  return { pixel_values: new ort.Tensor('float32', pixels, [1, 3, y.window, x.window]) };
}

/** The joint graph is opened for this alone where the towers are separate. */
async function scale({ withBias }: { withBias: boolean }): Promise<LogitScale | undefined> {
  const { joint, image } = loadParams;
  if (joint === undefined) return undefined;
  const graph = await openSession({ file: joint, ...image.session });
  try {
    const model = texts as ClipTextModel;
    const batch = model.pad(await model.ids(PROBE_TEXTS));
    const outputs = await new ClipTextSession(graph, blackPicture(loadParams)).run(batch, [...IMAGE_OUTPUTS]);
    try {
      return fitLogitScale(outputs, IMAGE_OUTPUTS, withBias);
    } finally {
      outputs.dispose();
    }
  } finally {
    await graph.release();
  }
}

serveLane(
  {
    load,
    scale,
    embed: (params: EmbedImagesParams, report: (value: ImageReport) => void) =>
      (images as ImageModel).embed({ ...params, images: params.images.map(joined) }, report),
    embedTexts: (params: EmbedTextsParams, report: (rows: TextRows) => void) =>
      (texts as ClipTextModel).embed(params, receiveTexts(params.texts), report),
  },
  {
    piece: receivePiece,
    drop: dropPieces,
    imagePiece: receiveImagePiece,
    dropImages: dropImagePieces,
    cancel: ({ job }: CancelParams) => images?.cancel(job),
    cancelTexts: ({ job }: CancelParams) => scheduler.cancel(job),
  },
);
