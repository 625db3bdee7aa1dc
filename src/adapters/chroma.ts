import type { Embedder } from '../core/embedder.js';
import { invalidArgument } from '../core/errors.js';
import type { SparseEmbedder, SparseVector } from '../heads/index.js';
import { checkEmbedder } from './models.js';

type Space = 'cosine' | 'l2' | 'ip';

/** What a collection of Chroma takes as its `embeddingFunction`. */
export interface ChromaEmbeddingFunction {
  readonly name: string;
  generate(texts: string[]): Promise<number[][]>;
  generateForQueries(texts: string[]): Promise<number[][]>;
  defaultSpace(): Space;
  supportedSpaces(): Space[];
  getConfig(): { model: string };
}

/** What an index of sparse vectors of Chroma takes as its `embeddingFunction`. */
export interface ChromaSparseEmbeddingFunction {
  readonly name: string;
  generate(texts: string[]): Promise<{ indices: number[]; values: number[] }[]>;
  generateForQueries(texts: string[]): Promise<{ indices: number[]; values: number[] }[]>;
  getConfig(): { model: string };
}

/**
 * An embedding function for Chroma. Pass it to `getCollection`, too: Chroma keeps the name, not the model.
 *
 * @throws {EmbedlaneError} `ERR_INVALID_ARG`
 */
export function chromaEmbeddingFunction(embedder: Embedder): ChromaEmbeddingFunction {
  const model = checkEmbedder(embedder);
  return {
    name: 'embedlane',
    generate: (texts) => model.embedDocuments(texts),
    generateForQueries: async (texts) => (await model.encodeQuery(texts)).toArrays(),
    defaultSpace: () => 'cosine',
    supportedSpaces: () => ['cosine', 'l2', 'ip'],
    getConfig: () => ({ model: model.modelId }),
  };
}

/**
 * The same for sparse vectors.
 *
 * @throws {EmbedlaneError} `ERR_INVALID_ARG`
 */
export function chromaSparseEmbeddingFunction(embedder: SparseEmbedder): ChromaSparseEmbeddingFunction {
  if (typeof (embedder as Partial<SparseEmbedder> | undefined)?.encodeDocument !== 'function') {
    throw invalidArgument('embedder', 'a SparseEmbedder', embedder);
  }
  return {
    name: 'embedlane-sparse',
    generate: async (texts) => (await embedder.encodeDocument(texts)).map(plain),
    generateForQueries: async (texts) => (await embedder.encodeQuery(texts)).map(plain),
    getConfig: () => ({ model: embedder.modelId }),
  };
}

function plain({ indices, values }: SparseVector): { indices: number[]; values: number[] } {
  return { indices: Array.from(indices), values: Array.from(values) };
}
