import { EmbedlaneError, invalidArgument } from '../../core/errors.js';
import {
  integer,
  oneOf,
  optionalBoolean,
  optionalInteger,
  optionalSignal,
  optionsObject,
} from '../../core/validate.js';
import type { ImageInput } from '../../image/index.js';
import { type FusedHit, reciprocalRankFusion } from '../../vectors/index.js';
import { filterArgument } from '../filter/parse.js';
import {
  type CollectionInfo,
  type HybridOptions,
  INCLUDABLE,
  type IncludeOptions,
  type StoredRecord,
  type StoreEmbedder,
  type StoreHit,
  type StoreQuery,
  type StoreSearchOptions,
  type StoreVector,
} from '../types.js';
import { embed, requireEncoder } from './embed.js';
import type { EngineContext, Include, StoreEngine, VectorRequest } from './engine.js';
import { storableText } from './metadata.js';
import { isVectorInput, vectorArgument } from './vectors.js';

const MAX_K = 10_000;

/** What every search option but the query's vector comes to. */
export type CheckedSearch = Omit<VectorRequest, 'vector'> & {
  readonly signal: AbortSignal | undefined;
  readonly hybrid: CheckedHybrid | undefined;
};

interface CheckedHybrid {
  /** Undefined: the query's text. */
  readonly words: string | undefined;
  readonly candidates: number;
  readonly rankConstant: number | undefined;
  readonly weights: readonly number[] | undefined;
}

export function includeArgument({ include }: Pick<IncludeOptions, 'include'>): Include {
  if (include === undefined) return { vector: false, document: true, metadata: true };
  if (!Array.isArray(include)) throw invalidArgument('options.include', 'an array', include);
  const wanted = new Set(include.map((item, i) => oneOf(`options.include[${i}]`, item, INCLUDABLE)));
  return {
    vector: wanted.has('vector'),
    document: wanted.has('document'),
    metadata: wanted.has('metadata'),
  };
}

export function searchArguments(options: StoreSearchOptions | undefined, engine: StoreEngine): CheckedSearch {
  const known = optionsObject('options', options, [
    'k',
    'filter',
    'include',
    'exact',
    'efSearch',
    'probes',
    'hybrid',
    'signal',
  ]);
  const k = integer('options.k', known.k ?? 10, 1, MAX_K);
  return {
    k,
    filter: filterArgument('options.filter', known.filter),
    include: includeArgument(known),
    exact: optionalBoolean('options.exact', known.exact) ?? false,
    efSearch: optionalInteger('options.efSearch', known.efSearch, 1, 10_000),
    probes: optionalInteger('options.probes', known.probes, 1, 65_536),
    hybrid: hybridArgument(known.hybrid, k, engine),
    signal: optionalSignal('options.signal', known.signal),
  };
}

function hybridArgument(
  value: boolean | HybridOptions | undefined,
  k: number,
  engine: StoreEngine,
): CheckedHybrid | undefined {
  if (value === undefined || value === false) return undefined;
  if (engine.searchWords === undefined) {
    throw new EmbedlaneError(
      'ERR_INVALID_ARG',
      `Expected a store with full text for options.hybrid, which ${engine.name} is not`,
    );
  }
  const known = optionsObject('options.hybrid', value === true ? {} : value, [
    'words',
    'candidates',
    'rankConstant',
    'weights',
  ]);
  const { rankConstant, weights } = known;
  // The fusion checks its own options: asked here, before any work.
  reciprocalRankFusion([[], []], { rankConstant, weights });
  return {
    words: known.words === undefined ? undefined : storableText('options.hybrid.words', known.words),
    candidates: integer('options.hybrid.candidates', known.candidates ?? Math.max(100, 2 * k), k, 2 * MAX_K),
    rankConstant,
    weights,
  };
}

/** What a query asks for, before it is embedded. */
export interface CheckedQuery {
  /** The words of a text query. */
  readonly text: string | undefined;
  readonly vector: (signal: AbortSignal | undefined) => Promise<StoreVector>;
}

export function queryArgument(
  query: StoreQuery,
  info: CollectionInfo,
  embedder: StoreEmbedder | undefined,
): CheckedQuery {
  if (isVectorInput(query)) return given(query, info);
  if (typeof query === 'string') return embedded(query, 'query', info, embedder);
  const { vector, text, image, ...others } = optionsObject<Record<string, unknown>>('query', query, [
    'vector',
    'text',
    'image',
  ]);
  const sources = [vector, text, image].filter((source) => source !== undefined);
  if (sources.length !== 1 || Object.keys(others).length > 0) {
    throw invalidArgument('query', 'a vector, a text, { vector }, { text } or { image }', query);
  }
  if (vector !== undefined) return given(vector, info);
  if (text !== undefined) return embedded(storableText('query.text', text), 'query', info, embedder);
  return embedded(image as ImageInput, 'image', info, embedder);
}

function given(value: unknown, info: CollectionInfo): CheckedQuery {
  const vector = vectorArgument('query', value, info);
  return { text: undefined, vector: async () => vector };
}

function embedded(
  input: string | ImageInput,
  kind: 'query' | 'image',
  info: CollectionInfo,
  embedder: StoreEmbedder | undefined,
): CheckedQuery {
  const encode = requireEncoder('query', embedder, kind);
  return {
    text: kind === 'query' ? (input as string) : undefined,
    vector: async (signal) => (await embed('the query', encode, [input], info, signal))[0],
  };
}

/** Searches by vector, and by words too if the search is hybrid. */
export async function runSearch(
  engine: StoreEngine,
  query: CheckedQuery,
  { hybrid, signal, ...request }: CheckedSearch,
  context: EngineContext,
): Promise<StoreHit[]> {
  if (hybrid === undefined || engine.searchWords === undefined) {
    return engine.search({ ...request, vector: await query.vector(signal) }, context);
  }
  const words = hybrid.words ?? query.text;
  if (words === undefined) {
    throw new EmbedlaneError(
      'ERR_INVALID_ARG',
      'Expected options.hybrid.words, because the query is not a text',
    );
  }
  const { filter, include, k } = request;
  const wide = { filter, include, k: hybrid.candidates };
  const byWords = engine.searchWords({ ...wide, words }, context);
  byWords.catch(() => {});
  const vector = await query.vector(signal);
  const rankings: StoredRecord[][] = await Promise.all([
    engine.search({ ...request, ...wide, vector }, context),
    byWords,
  ]);
  const records = new Map(rankings.flat().map((record) => [record.id, record]));
  const { rankConstant, weights } = hybrid;
  return reciprocalRankFusion(
    rankings.map((ranking) => ranking.map(({ id }) => id)),
    { rankConstant, weights },
  )
    .slice(0, k)
    .map(({ id, score }: FusedHit<string>) => ({ ...(records.get(id) as StoredRecord), id, score }));
}
