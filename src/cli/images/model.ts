import type { ClipEmbedder } from '../../clip/index.js';
import { EmbedlaneError } from '../../core/errors.js';
import { DEFAULT_MODEL, loading, type ModelFlags } from '../options.js';

export const DEFAULT_IMAGE_MODEL = 'efficientnet-lite0';

/** A model of pictures, with what the commands need of it. */
export interface ImageModel extends AsyncDisposable {
  readonly modelId: string;
  encodeImage: ClipEmbedder['encodeImage'];
  /** Undefined for a model that knows no words. */
  encodeText: ClipEmbedder['encodeText'] | undefined;
}

/** Loads CLIP and its kin, or else a model of pictures alone. */
export async function loadImageModel(flags: ModelFlags, signal: AbortSignal): Promise<ImageModel> {
  const model = flags.model === DEFAULT_MODEL ? DEFAULT_IMAGE_MODEL : flags.model;
  if (model !== DEFAULT_IMAGE_MODEL) {
    try {
      const { ClipEmbedder } = await import('../../clip/index.js');
      const clip = await loading(flags, signal, (options) => ClipEmbedder.load(model, options));
      return {
        modelId: clip.modelId,
        encodeImage: (images, settings) => clip.encodeImage(images, settings),
        encodeText: (texts, settings) => clip.encodeText(texts, settings),
        [Symbol.asyncDispose]: () => clip.close(),
      };
    } catch (error) {
      // It may be a model of pictures alone; if it is neither, what is said about that is the better message.
      if (!(error instanceof EmbedlaneError) || !/^ERR_MODEL_/.test(error.code)) throw error;
    }
  }
  const { ImageEmbedder } = await import('../../image/index.js');
  const embedder = await loading(flags, signal, (options) => ImageEmbedder.load(model, options));
  return {
    modelId: embedder.modelId,
    encodeImage: (images, settings) => embedder.encode(images, settings),
    encodeText: undefined,
    [Symbol.asyncDispose]: () => embedder.close(),
  };
}
