import { Embeddings } from '../../core/embeddings.js';
import type { RankedDocument, SparseVector } from '../../heads/index.js';
import { type Inputs, listOf } from '../body.js';
import { Fault } from '../fault.js';
import type { Capability, ModelClasses, ModelKind } from '../models/kinds.js';
import type { ModelPool } from '../models/pool.js';
import type { LoadedModel, PooledModel } from '../models/pooled-model.js';
import { embedM3 } from './m3.js';
import { embedMedia } from './media.js';
import { rankByTokens, rankHybrid, rankTogether } from './rank.js';
import { embedTexts, refuseTruncation } from './texts.js';
import { tokenVectors } from './token-vectors.js';

/** What every request to a model has. */
export interface ModelRequest {
  /** Name that the client uses; undefined for the first model that can do it. */
  model: string | undefined;
  /** Name of the field with the inputs, for messages. */
  param: string;
  /** Milliseconds of idleness after which the model is unloaded, instead of the server's setting. */
  keepAlive?: number;
  signal: AbortSignal;
}

export interface EmbedRequest extends ModelRequest {
  inputs: Inputs;
  /** Scale to length 1, whatever the model does by itself. Default: texts as the model does, others true. */
  normalize?: boolean;
  /** Keep the first so many dimensions, scaled to length 1 again unless `normalize` is false. */
  dimensions?: number;
  /** Whether more dimensions than the model has are refused; Ollama ignores them. Default true. */
  strictDimensions?: boolean;
  /** Whether texts that are too long are cut; refused otherwise. Default true. */
  truncate?: boolean;
  /** Which side of them is cut off. Default: the model's. */
  truncationSide?: 'left' | 'right';
  purpose?: 'query' | 'document';
  promptName?: string;
}

export interface SparseRequest extends ModelRequest {
  texts: string[];
  /** Whether texts that are too long are cut: these models always do. Default true. */
  truncate?: boolean;
  purpose?: 'query' | 'document';
  promptName?: string;
}

export interface TokenVectorsRequest extends ModelRequest {
  texts: string[];
  /** Whether texts that are too long are cut; refused otherwise, by models that always cut in any case. Default true. */
  truncate?: boolean;
  truncationSide?: 'left' | 'right';
  purpose?: 'query' | 'document';
  promptName?: string;
}

export interface RankRequest extends ModelRequest {
  query: string;
  documents: string[];
  /** How many of the best to return. Default: all. */
  topK?: number;
  /** What the model gives, instead of scores between 0 and 1. */
  raw: boolean;
}

export interface ClassifyRequest extends ModelRequest {
  /** Texts of one, or pairs. */
  inputs: ([string] | [string, string])[];
  /** Logits, instead of probabilities. */
  raw: boolean;
}

/** What a request took, for the log, the metrics and the rate limit. */
export interface Usage {
  model: PooledModel;
  /** Texts, pictures or pairs. */
  count: number;
  tokens: number;
}

export interface EmbedResponse extends Usage {
  embeddings: Embeddings;
  /** Milliseconds for loading the model, if it had to be. */
  loadTime: number;
}

export interface EngineLimits {
  maxInputs: number;
  maxConcurrentRequests: number;
  /** Milliseconds; Infinity for never. */
  keepAlive: number;
}

/** What all dialects call. */
export class Engine {
  readonly pool: ModelPool;
  readonly limits: EngineLimits;

  constructor(pool: ModelPool, limits: EngineLimits) {
    this.pool = pool;
    this.limits = limits;
  }

  /** Runs `task` with a model that tokenizes for clients. */
  async useText<T>(
    name: string | undefined,
    task: (model: ModelClasses['text'], pooled: PooledModel) => Promise<T>,
  ): Promise<T> {
    const pooled = await this.pool.find(name, 'tokenize');
    return pooled.use(this.limits.keepAlive, (loaded) => task(as(loaded, 'text'), pooled));
  }

  async embed(request: EmbedRequest): Promise<EmbedResponse> {
    const { inputs } = request;
    const count = listOf(inputs).length;
    this.checkCount(request.param, count);
    const pooled = await this.pool.find(request.model, ...capabilitiesFor(inputs));
    const start = performance.now();
    return await this.#use(pooled, request, async (loaded) => {
      const loadTime = performance.now() - start;
      if (count === 0) {
        const none = new Embeddings(new Float32Array(0), 0, 0);
        return { model: pooled, count, loadTime, embeddings: none, tokens: 0 };
      }
      const { embeddings, tokens } = await embedWith(loaded, request);
      return { model: pooled, count, loadTime, embeddings, tokens };
    });
  }

  /** Dense and sparse vectors of the same texts, from one run of a model that makes both. */
  async denseAndSparse(request: EmbedRequest): Promise<EmbedResponse & { sparse: SparseVector[] }> {
    const count = listOf(request.inputs).length;
    this.checkCount(request.param, count);
    const pooled = await this.pool.find(request.model, 'embed', 'embed_sparse');
    return this.#use(pooled, request, async (loaded) => {
      const done = await embedM3(as(loaded, 'm3'), request);
      return { model: pooled, count, loadTime: 0, ...done };
    });
  }

  async tokenVectors(request: TokenVectorsRequest): Promise<Usage & { matrices: Embeddings[] }> {
    this.checkCount(request.param, request.texts.length);
    const pooled = await this.pool.find(request.model, 'embed_all');
    return this.#use(pooled, request, async (loaded) => {
      const done = await tokenVectors(loaded as Parameters<typeof tokenVectors>[0], request);
      return { model: pooled, count: request.texts.length, ...done };
    });
  }

  async sparse(request: SparseRequest): Promise<Usage & { vectors: SparseVector[] }> {
    const { texts, purpose, promptName, signal } = request;
    this.checkCount(request.param, texts.length);
    const pooled = await this.pool.find(request.model, 'embed_sparse');
    return this.#use(pooled, request, async (loaded) => {
      const count = texts.length;
      if (loaded.kind === 'm3') {
        const { sparse, tokens } = await embedM3(loaded.model, { ...request, inputs: { texts } });
        return { model: pooled, count, vectors: sparse, tokens };
      }
      const model = as(loaded, 'sparse');
      refuseTruncation(request);
      let tokens = 0;
      const onUsage = (usage: { tokens: number }) => (tokens = usage.tokens);
      const options = { signal, onUsage, ...(promptName !== undefined && { promptName }) };
      const encode = { query: 'encodeQuery', document: 'encodeDocument', any: 'encode' } as const;
      const vectors = await model[encode[purpose ?? 'any']](texts, options);
      return { model: pooled, count, vectors, tokens };
    });
  }

  /** Documents by how well they answer a query, best first. */
  async rank(request: RankRequest): Promise<Usage & { ranked: RankedDocument[] }> {
    const count = request.documents.length;
    this.checkCount(request.param, count);
    const pooled = await this.pool.find(request.model, 'rerank');
    return this.#use(pooled, request, async (loaded) => {
      const ranking =
        loaded.kind === 'late-interaction'
          ? rankByTokens(loaded.model, request)
          : loaded.kind === 'm3'
            ? rankHybrid(loaded.model, request)
            : rankTogether(as(loaded, 'cross-encoder'), request);
      return { model: pooled, count, ...(await ranking) };
    });
  }

  /** Scores of every label, in the order of the inputs. */
  async classify(
    request: ClassifyRequest,
  ): Promise<Usage & { labels: readonly string[]; scores: Float32Array[] }> {
    const { inputs, raw, signal } = request;
    this.checkCount(request.param, inputs.length);
    const pooled = await this.pool.find(request.model, 'classify');
    return this.#use(pooled, request, async (loaded) => {
      const model = as(loaded, 'cross-encoder');
      const activation = raw ? 'identity' : model.labels === 1 ? 'sigmoid' : 'softmax';
      let tokens = 0;
      const onUsage = (usage: { tokens: number }) => (tokens += usage.tokens);
      const options = { activation, signal, onUsage } as const;
      const scores = new Array<Float32Array>(inputs.length);
      const place = (indices: number[], values: Float32Array) =>
        indices.forEach((index, i) => {
          scores[index] = values.subarray(i * model.labels, (i + 1) * model.labels);
        });
      const where = (length: number) => [...inputs.keys()].filter((i) => inputs[i].length === length);
      const [single, pairs] = [where(1), where(2)];
      place(
        single,
        await model.predict(
          single.map((i) => inputs[i][0]),
          options,
        ),
      );
      place(
        pairs,
        await model.predict(
          pairs.map((i) => inputs[i] as [string, string]),
          options,
        ),
      );
      return { model: pooled, count: inputs.length, labels: model.labelNames, scores, tokens };
    });
  }

  /** Refuses a request with more inputs than the server takes. */
  checkCount(param: string, count: number): void {
    const { maxInputs } = this.limits;
    if (count <= maxInputs) return;
    throw new Fault('invalid', `batch size ${count} > maximum allowed batch size ${maxInputs}`, { param });
  }

  #use<T>(pooled: PooledModel, request: ModelRequest, task: Parameters<typeof pooled.use<T>>[1]): Promise<T> {
    return pooled.use(request.keepAlive ?? this.limits.keepAlive, task);
  }
}

function embedWith(
  loaded: LoadedModel,
  request: EmbedRequest,
): Promise<{ embeddings: Embeddings; tokens: number }> {
  if (loaded.kind === 'text') return embedTexts(loaded.model, request);
  if (loaded.kind === 'm3') return embedM3(loaded.model, request);
  return embedMedia(loaded as Parameters<typeof embedMedia>[0], request);
}

/** The model of a kind that its capabilities promised. */
function as<K extends ModelKind>(loaded: { kind: ModelKind; model: unknown }, kind: K): ModelClasses[K] {
  if (loaded.kind !== kind) throw new Error(`a ${kind} model was expected, not ${loaded.kind}`);
  return loaded.model as ModelClasses[K];
}

function capabilitiesFor(inputs: Inputs): Capability[] {
  if ('ids' in inputs) return ['tokenize'];
  if ('texts' in inputs) return ['embed'];
  const has = (field: string) => inputs.items.some((item) => field in item);
  return Object.entries(ITEM_CAPABILITIES).flatMap(([field, capability]) => (has(field) ? capability : []));
}

const ITEM_CAPABILITIES = { text: 'embed', image: 'image_embed', audio: 'audio_embed' } as const;
