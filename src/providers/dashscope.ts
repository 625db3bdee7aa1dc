import { throwIfAborted } from '../core/abort.js';
import type { EmbedOptions } from '../core/embedder.js';
import {
  oneOf,
  optionalInteger,
  optionalSignal,
  optionalString,
  optionsObject,
  textList,
} from '../core/validate.js';
import { badAnswer, field, inOrder, listOf, openAIVectors, type Vector, vector } from './answers.js';
import { dashScopeBatchSize } from './openai.js';
import { checkRemoteOptions, type RemoteOptions, withoutEnding } from './options.js';
import { type Purpose, RemoteEmbedder } from './remote-embedder.js';

const NATIVE = '/api/v1/services/embeddings/text-embedding/text-embedding';
const COMPATIBLE = '/compatible-mode/v1';

/** 10 rows of 8,192 tokens; the limit of rows is met first by nearly all texts. */
const MAX_TOKENS = 81_920;

export interface DashScopeOptions extends RemoteOptions {
  /** Width to ask for: v4 has 2048, 1536, 1024, 768, 512, 256, 128 and 64, v3 1024, 768 and 512. */
  dimensions?: number;
  /**
   * `'native'` (default) tells queries from documents and has sparse vectors; `'compatible'` is the OpenAI mode,
   * also chosen by a base URL that ends in it.
   */
  mode?: 'native' | 'compatible';
  /** Task in plain words, for queries (v4, native mode). */
  instruct?: string;
}

/** Weights of the tokens of a text: dimension, weight and, where the provider says it, the token. */
export interface SparseVector {
  indices: Uint32Array;
  values: Float32Array;
  tokens: string[];
}

/** Alibaba Cloud's text-embedding models. Key from `DASHSCOPE_API_KEY` unless given. */
export class DashScopeEmbedder extends RemoteEmbedder {
  readonly #mode: 'native' | 'compatible';
  readonly #instruct: string | undefined;
  readonly #dimension: number | undefined;

  constructor(options?: DashScopeOptions) {
    const settings = checkRemoteOptions<DashScopeOptions>(options, ['dimensions', 'mode', 'instruct'], {
      provider: 'DashScope',
      model: 'text-embedding-v4',
      baseURL: 'https://dashscope.aliyuncs.com',
      keyVariables: ['DASHSCOPE_API_KEY'],
      needsKey: true,
      batchSize: 25,
    });
    const { given, client, model } = settings;
    const dimensions = optionalInteger('dimensions', given.dimensions, 1, 1_000_000);
    const compatible = /\/compatible-mode\/v1(\/embeddings)?\/*$/.test(client.baseURL.pathname);
    const mode =
      given.mode === undefined
        ? compatible
          ? 'compatible'
          : 'native'
        : oneOf('mode', given.mode, ['native', 'compatible']);
    const instruct = optionalString('instruct', given.instruct);
    client.baseURL = withoutEnding(client.baseURL, '/embeddings', COMPATIBLE, NATIVE, '/api/v1');
    settings.batchSize = Math.min(settings.batchSize, dashScopeBatchSize(model));
    super(settings, MAX_TOKENS, dimensions);
    this.#mode = mode;
    this.#instruct = instruct;
    this.#dimension = dimensions;
  }

  protected override async embed(texts: string[], purpose: Purpose, signal: AbortSignal): Promise<Vector[]> {
    if (this.#mode === 'compatible') {
      const body = {
        model: this.modelId,
        input: texts,
        dimensions: this.#dimension,
        encoding_format: 'float',
      };
      const answer = await this.client.post(`${COMPATIBLE}/embeddings`, body, signal);
      return openAIVectors(this.provider, answer, texts.length);
    }
    const items = await this.#native(texts, purpose, 'dense', signal);
    return items.map((item) => vector(this.provider, field(item, 'embedding')));
  }

  /** Sparse vectors of documents, one per text (native mode, text-embedding-v3 and later). */
  async encodeSparse(
    texts: string | readonly string[],
    options?: Pick<EmbedOptions, 'signal'> & { textType?: 'query' | 'document' },
  ): Promise<SparseVector[]> {
    const list = textList('texts', texts);
    const given = optionsObject<NonNullable<typeof options>>('options', options, ['signal', 'textType']);
    const purpose = oneOf('textType', given.textType ?? 'document', ['query', 'document']);
    const signal = optionalSignal('signal', given.signal);
    throwIfAborted(signal);
    const out = new Array<SparseVector>(list.length);
    await this.requests(list, signal, async (part, start, stop) => {
      const items = await this.#native(part, purpose, 'sparse', stop);
      items.forEach((item, i) => {
        out[start + i] = sparse(this.provider, field(item, 'sparse_embedding'));
      });
    });
    return out;
  }

  /** One native request; the items come back in the order of the texts. */
  async #native(
    texts: string[],
    purpose: Purpose,
    outputType: 'dense' | 'sparse',
    signal: AbortSignal,
  ): Promise<unknown[]> {
    const parameters = {
      text_type: purpose ?? 'document',
      dimension: this.#dimension,
      output_type: outputType,
      instruct: purpose === 'query' ? this.#instruct : undefined,
    };
    const answer = await this.client.post(
      NATIVE,
      { model: this.modelId, input: { texts }, parameters },
      signal,
    );
    const embeddings = field(field(answer, 'output'), 'embeddings');
    return inOrder(
      this.provider,
      listOf(this.provider, 'embeddings', embeddings, texts.length),
      'text_index',
    );
  }
}

function sparse(provider: string, value: unknown): SparseVector {
  if (!Array.isArray(value)) throw badAnswer(provider, 'a sparse vector', value);
  const indices = new Uint32Array(value.length);
  const values = new Float32Array(value.length);
  const tokens = value.map((item, i) => {
    const index = field(item, 'index');
    const weight = field(item, 'value');
    // As the types in which they will be kept.
    if (typeof index !== 'number' || index !== index >>> 0) throw badAnswer(provider, 'a token index', index);
    if (typeof weight !== 'number' || !Number.isFinite(Math.fround(weight)))
      throw badAnswer(provider, 'a token weight', weight);
    indices[i] = index;
    values[i] = weight;
    return String(field(item, 'token') ?? '');
  });
  return { indices, values, tokens };
}
