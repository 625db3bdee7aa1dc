import type { Embedder } from '../core/embedder.js';
import { oneOf, optionsObject } from '../core/validate.js';
import { TextEmbedder } from '../text/index.js';
import { checkEmbedder, checkReranker, type Reranker } from './models.js';

/** Versions of the AI SDK's model interfaces that differ in nothing but their name here; `ai` 5 knows no rerankers. */
const VERSIONS = ['v2', 'v3', 'v4'] as const;
const RERANKING_VERSIONS = ['v3', 'v4'] as const;
type Version = (typeof VERSIONS)[number];
type RerankingVersion = (typeof RERANKING_VERSIONS)[number];

/** Options of the models for the AI SDK. */
export interface AiSdkOptions<V extends Version = 'v3'> {
  /** `'v2'` for `ai` 5 (embedding models), `'v3'` for 6 and later (the default), `'v4'` for what takes only that. */
  specificationVersion?: V;
}

/** What `embed` and `embedMany` of the package `ai` take. */
export interface AiSdkEmbeddingModel<V extends Version = 'v3'> {
  readonly specificationVersion: V;
  readonly provider: string;
  readonly modelId: string;
  readonly maxEmbeddingsPerCall: undefined;
  readonly supportsParallelCalls: boolean;
  doEmbed(options: { values: string[]; abortSignal?: AbortSignal }): Promise<{
    embeddings: number[][];
    usage?: { tokens: number };
    warnings: [];
  }>;
}

/** What `rerank` of the package `ai` takes. */
export interface AiSdkRerankingModel<V extends RerankingVersion = 'v3'> {
  readonly specificationVersion: V;
  readonly provider: string;
  readonly modelId: string;
  doRerank(options: {
    documents: { type: 'text'; values: string[] } | { type: 'object'; values: object[] };
    query: string;
    topN?: number;
    abortSignal?: AbortSignal;
  }): Promise<{ ranking: { index: number; relevanceScore: number }[] }>;
}

const PROVIDER = 'embedlane';

/**
 * An embedding model for the AI SDK.
 *
 * @param embedder a local model, or that of a provider
 * @throws {EmbedlaneError} `ERR_INVALID_ARG`
 *
 * @example
 * const model = aiSdkEmbeddingModel(await TextEmbedder.load('all-MiniLM-L6-v2'));
 * const { embeddings } = await embedMany({ model, values: ['a cat', 'a kitten'] });
 */
export function aiSdkEmbeddingModel<V extends Version = 'v3'>(
  embedder: Embedder,
  options?: AiSdkOptions<V>,
): AiSdkEmbeddingModel<V> {
  const model = checkEmbedder(embedder);
  return {
    specificationVersion: versionOf(options, VERSIONS),
    provider: PROVIDER,
    modelId: model.modelId,
    // The model splits and joins calls better than its caller could.
    maxEmbeddingsPerCall: undefined,
    supportsParallelCalls: true,
    async doEmbed({ values, abortSignal }) {
      const signal = abortSignal && { signal: abortSignal };
      if (!(model instanceof TextEmbedder)) {
        return { embeddings: (await model.encode(values, { ...signal })).toArrays(), warnings: [] };
      }
      let usage: { tokens: number } | undefined;
      const onUsage = (used: { tokens: number }) => {
        usage = used;
      };
      const embeddings = (await model.encode(values, { ...signal, onUsage })).toArrays();
      return { embeddings, ...(usage && { usage }), warnings: [] };
    },
  };
}

/**
 * A reranking model for the AI SDK. Documents that are objects are ranked by their JSON.
 *
 * @throws {EmbedlaneError} `ERR_INVALID_ARG`
 */
export function aiSdkRerankingModel<V extends RerankingVersion = 'v3'>(
  reranker: Reranker,
  options?: AiSdkOptions<V>,
): AiSdkRerankingModel<V> {
  const model = checkReranker(reranker);
  return {
    specificationVersion: versionOf(options, RERANKING_VERSIONS),
    provider: PROVIDER,
    modelId: model.modelId,
    async doRerank({ documents, query, topN, abortSignal }) {
      const texts =
        documents.type === 'text' ? documents.values : documents.values.map((value) => JSON.stringify(value));
      const ranked = await model.rank(query, texts, {
        ...(topN !== undefined && { topK: topN }),
        ...(abortSignal && { signal: abortSignal }),
      });
      return { ranking: ranked.map(({ corpusId, score }) => ({ index: corpusId, relevanceScore: score })) };
    },
  };
}

function versionOf<V extends Version>(options: AiSdkOptions<V> | undefined, known: readonly Version[]): V {
  const given = optionsObject<AiSdkOptions<V>>('options', options, ['specificationVersion']);
  return oneOf('specificationVersion', given.specificationVersion ?? 'v3', known) as V;
}
