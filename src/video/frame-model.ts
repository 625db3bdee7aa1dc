import { ClipEmbedder as Clip, type ClipEmbedder } from '../clip/index.js';
import type { ImageEmbedder, ImageEmbeddings, ImageInput } from '../image/index.js';

/** A model of single pictures, with what films need of it. */
export interface FrameModel {
  readonly modelId: string;
  readonly dimensions: number;
  encodeFrames(
    frames: AsyncIterable<ImageInput>,
    options: { window: number; signal: AbortSignal | undefined },
  ): AsyncGenerator<ImageEmbeddings, void, undefined>;
  /** Undefined for a model that knows no words. */
  encodeText: ClipEmbedder['encodeText'] | undefined;
  close(): Promise<void>;
}

/** @param owned whether the model is closed with what uses it */
export function frameModel(model: ImageEmbedder | ClipEmbedder, owned: boolean): FrameModel {
  const clip = model instanceof Clip ? model : undefined;
  return {
    modelId: model.modelId,
    dimensions: model.dimensions,
    encodeFrames: (frames, options) =>
      model instanceof Clip ? model.encodeImageStream(frames, options) : model.encodeStream(frames, options),
    encodeText: clip && ((texts, options) => clip.encodeText(texts, options)),
    close: async () => {
      if (owned) await model.close();
    },
  };
}
