import type { MatrixLike } from '../../core/embeddings.js';
import { EmbedlaneError, invalidArgument } from '../../core/errors.js';
import type { SparseVector } from '../../heads/index.js';
import type { ImageInput } from '../../image/index.js';
import type { CollectionInfo, StoreEmbedder, StoreVector } from '../types.js';
import { vectorArgument } from './vectors.js';

export type EmbedKind = 'query' | 'document' | 'image';

type Encode = (
  inputs: (string | ImageInput)[],
  options: { signal?: AbortSignal },
) => Promise<MatrixLike | SparseVector[]>;

/** Checks that `value` can embed something. */
export function embedderArgument(name: string, value: unknown): StoreEmbedder | undefined {
  if (value === undefined) return undefined;
  const methods = ['encodeQuery', 'encodeDocument', 'encodeText', 'encodeImage'] as const;
  const embedder = value as StoreEmbedder | null;
  if (typeof embedder !== 'object' || !methods.some((method) => typeof embedder?.[method] === 'function')) {
    throw invalidArgument(name, `an object with ${methods.join(', ')}, or one of them,`, value);
  }
  return embedder as StoreEmbedder;
}

/** @throws {EmbedlaneError} `ERR_INVALID_ARG` unless the embedder takes this kind of input */
export function requireEncoder(name: string, embedder: StoreEmbedder | undefined, kind: EmbedKind): Encode {
  const what = kind === 'image' ? 'images' : 'texts';
  const method = embedder && (kind === 'image' ? embedder.encodeImage : textMethod(embedder, kind));
  if (typeof method === 'function') return (method as Encode).bind(embedder);
  throw new EmbedlaneError(
    'ERR_INVALID_ARG',
    embedder === undefined
      ? `Expected a vector for ${name}, because the store has no embedder for ${what}`
      : `Expected an embedder for ${what}, because of ${name}, but the store's takes none`,
  );
}

function textMethod(embedder: StoreEmbedder, kind: 'query' | 'document') {
  return (kind === 'query' ? embedder.encodeQuery : embedder.encodeDocument) ?? embedder.encodeText;
}

/** Embeds inputs for a collection. */
export async function embed(
  name: string,
  encode: Encode,
  inputs: (string | ImageInput)[],
  info: CollectionInfo,
  signal: AbortSignal | undefined,
): Promise<StoreVector[]> {
  if (inputs.length === 0) return [];
  const result = await encode(inputs, signal ? { signal } : {});
  const count = Array.isArray(result) ? result.length : result.rows;
  if (count !== inputs.length) {
    throw new EmbedlaneError(
      'ERR_RUNTIME',
      `Expected ${inputs.length} vectors from the embedder but received ${count}`,
    );
  }
  return inputs.map((_, i) => {
    const { dims } = info;
    if (Array.isArray(result)) return vectorArgument(`the embedding of ${name}`, result[i], info);
    if (result.dims !== dims) {
      throw new EmbedlaneError(
        'ERR_DIMENSION',
        `Expected an embedder with ${dims} dimensions, as the collection has, but received one with ${result.dims}`,
      );
    }
    return vectorArgument(
      `the embedding of ${name}`,
      result.data.subarray(i * result.dims, (i + 1) * result.dims),
      info,
    );
  });
}
