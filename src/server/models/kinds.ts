import { ClipEmbedder, type ClipLoadOptions } from '../../clip/index.js';
import { CrossEncoder, type HeadLoadOptions, SparseEmbedder } from '../../heads/index.js';
import { ImageEmbedder, type ImageLoadOptions } from '../../image/index.js';
import { type LoadOptions, TextEmbedder } from '../../text/index.js';

/** The class of the library that a model is loaded with. */
export interface ModelClasses {
  text: TextEmbedder;
  clip: ClipEmbedder;
  image: ImageEmbedder;
  'cross-encoder': CrossEncoder;
  sparse: SparseEmbedder;
}

export type ModelKind = keyof ModelClasses;

export const MODEL_KINDS = ['text', 'clip', 'image', 'cross-encoder', 'sparse'] as const;

/** What a model can do for a client, in infinity's words where it has one. */
export type Capability = 'embed' | 'image_embed' | 'embed_sparse' | 'rerank' | 'classify' | 'tokenize';

export const CAPABILITIES: Readonly<Record<ModelKind, readonly Capability[]>> = {
  text: ['embed', 'tokenize'],
  clip: ['embed', 'image_embed'],
  image: ['image_embed'],
  'cross-encoder': ['rerank', 'classify'],
  sparse: ['embed_sparse'],
};

/** How a message says that a model should be able to do something. */
export const CAPABILITY_NAMES: Readonly<Record<Capability, string>> = {
  embed: 'embed texts',
  image_embed: 'embed images',
  embed_sparse: 'make sparse embeddings',
  rerank: 'rerank',
  classify: 'classify',
  tokenize: 'tokenize for clients',
};

type LoadWith<T> = (id: string, options: T) => Promise<unknown>;

/** Options of all classes together; the class that loads a model refuses those that it does not have. */
export type AnyLoadOptions = Omit<LoadOptions, 'signal' | 'pooling'> &
  Omit<HeadLoadOptions, 'signal'> &
  Omit<ClipLoadOptions, 'signal'> &
  Pick<ImageLoadOptions, 'pca'> & { pooling?: LoadOptions['pooling'] | ImageLoadOptions['pooling'] };

const LOADERS: { [K in ModelKind]: (id: string, options: never) => Promise<ModelClasses[K]> } = {
  text: TextEmbedder.load satisfies LoadWith<LoadOptions>,
  clip: ClipEmbedder.load satisfies LoadWith<ClipLoadOptions>,
  image: ImageEmbedder.load satisfies LoadWith<ImageLoadOptions>,
  'cross-encoder': CrossEncoder.load satisfies LoadWith<HeadLoadOptions>,
  sparse: SparseEmbedder.load satisfies LoadWith<HeadLoadOptions>,
};

/** @throws what `load` of the kind's class throws */
export function loadModel<K extends ModelKind>(
  kind: K,
  id: string,
  options: AnyLoadOptions,
): Promise<ModelClasses[K]> {
  return LOADERS[kind](id, options as never);
}
