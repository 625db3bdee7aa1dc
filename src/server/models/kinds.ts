import { AudioEmbedder, type AudioLoadOptions } from '../../audio/index.js';
import { ClapEmbedder, type ClapLoadOptions } from '../../clap/index.js';
import { ClipEmbedder, type ClipLoadOptions } from '../../clip/index.js';
import {
  CrossEncoder,
  type HeadLoadOptions,
  LateInteractionEmbedder,
  M3Embedder,
  SparseEmbedder,
} from '../../heads/index.js';
import { ImageEmbedder, type ImageLoadOptions } from '../../image/index.js';
import { type LoadOptions, TextEmbedder } from '../../text/index.js';

/** The class of the library that a model is loaded with. */
export interface ModelClasses {
  text: TextEmbedder;
  clip: ClipEmbedder;
  image: ImageEmbedder;
  clap: ClapEmbedder;
  audio: AudioEmbedder;
  'cross-encoder': CrossEncoder;
  sparse: SparseEmbedder;
  'late-interaction': LateInteractionEmbedder;
  m3: M3Embedder;
}

export type ModelKind = keyof ModelClasses;

export const MODEL_KINDS = [
  'text',
  'clip',
  'image',
  'clap',
  'audio',
  'cross-encoder',
  'sparse',
  'late-interaction',
  'm3',
] as const;

/** What a model can do for a client, in infinity's words where it has one. */
export type Capability =
  | 'embed'
  | 'embed_all'
  | 'embed_sparse'
  | 'image_embed'
  | 'audio_embed'
  | 'rerank'
  | 'classify'
  | 'tokenize';

export const CAPABILITIES: Readonly<Record<ModelKind, readonly Capability[]>> = {
  text: ['embed', 'embed_all', 'tokenize'],
  clip: ['embed', 'image_embed'],
  image: ['image_embed'],
  clap: ['embed', 'audio_embed'],
  audio: ['audio_embed'],
  'cross-encoder': ['rerank', 'classify'],
  sparse: ['embed_sparse'],
  'late-interaction': ['embed_all', 'rerank'],
  m3: ['embed', 'embed_all', 'embed_sparse', 'rerank'],
};

/** How a message says that a model should be able to do something. */
export const CAPABILITY_NAMES: Readonly<Record<Capability, string>> = {
  embed: 'embed texts',
  embed_all: 'make a vector for each token',
  image_embed: 'embed images',
  audio_embed: 'embed sounds',
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
  clap: ClapEmbedder.load satisfies LoadWith<ClapLoadOptions>,
  audio: AudioEmbedder.load satisfies LoadWith<AudioLoadOptions>,
  'late-interaction': LateInteractionEmbedder.load satisfies LoadWith<HeadLoadOptions>,
  m3: M3Embedder.load satisfies LoadWith<HeadLoadOptions>,
};

/** @throws what `load` of the kind's class throws */
export function loadModel<K extends ModelKind>(
  kind: K,
  id: string,
  options: AnyLoadOptions,
): Promise<ModelClasses[K]> {
  return LOADERS[kind](id, options as never);
}
