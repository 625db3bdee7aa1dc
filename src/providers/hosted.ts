import { optionalInteger } from '../core/validate.js';
import { field, openAIVectors, plainVectors, type Vector } from './answers.js';
import { checkRemoteOptions, type RemoteDefaults, type RemoteOptions, withoutEnding } from './options.js';
import { type Purpose, RemoteEmbedder } from './remote-embedder.js';

/** Options of {@link CohereEmbedder}, {@link JinaEmbedder} and {@link VoyageEmbedder}. */
export interface HostedOptions extends RemoteOptions {
  /** Width to ask for (models that can shorten their vectors). */
  dimensions?: number;
}

/** Tokens of one request, all texts together: the lowest limit among the models of each provider. */
const MAX_TOKENS = { cohere: 200_000, jina: 200_000, voyage: 120_000 };

function settings(options: HostedOptions | undefined, defaults: RemoteDefaults, ending: string) {
  const checked = checkRemoteOptions<HostedOptions>(options, ['dimensions'], defaults);
  checked.client.baseURL = withoutEnding(checked.client.baseURL, ending);
  return {
    ...checked,
    dimensions: optionalInteger('dimensions', checked.given.dimensions, 1, 1_000_000),
  };
}

/** Cohere's embed API, version 2. Key from `CO_API_KEY` or `COHERE_API_KEY` unless given. */
export class CohereEmbedder extends RemoteEmbedder {
  readonly #dimension: number | undefined;

  constructor(options?: HostedOptions) {
    const checked = settings(
      options,
      {
        provider: 'Cohere',
        model: 'embed-v4.0',
        baseURL: 'https://api.cohere.com/v2',
        keyVariables: ['CO_API_KEY', 'COHERE_API_KEY'],
        needsKey: true,
        batchSize: 96,
      },
      '/embed',
    );
    super(checked, MAX_TOKENS.cohere, checked.dimensions);
    this.#dimension = checked.dimensions;
  }

  protected override async embed(texts: string[], purpose: Purpose, signal: AbortSignal): Promise<Vector[]> {
    const body = {
      model: this.modelId,
      texts,
      input_type: purpose === 'query' ? 'search_query' : 'search_document',
      embedding_types: ['float'],
      output_dimension: this.#dimension,
    };
    const answer = await this.client.post('/embed', body, signal);
    return plainVectors(this.provider, field(field(answer, 'embeddings'), 'float'), texts.length);
  }
}

/** Jina AI's embeddings API. Key from `JINA_API_KEY` unless given. */
export class JinaEmbedder extends RemoteEmbedder {
  readonly #dimensions: number | undefined;

  constructor(options?: HostedOptions) {
    const checked = settings(
      options,
      {
        provider: 'Jina',
        model: 'jina-embeddings-v3',
        baseURL: 'https://api.jina.ai/v1',
        keyVariables: ['JINA_API_KEY'],
        needsKey: true,
        batchSize: 128,
      },
      '/embeddings',
    );
    super(checked, MAX_TOKENS.jina, checked.dimensions);
    this.#dimensions = checked.dimensions;
  }

  protected override async embed(texts: string[], purpose: Purpose, signal: AbortSignal): Promise<Vector[]> {
    const body = {
      model: this.modelId,
      input: texts,
      task: purpose && (purpose === 'query' ? 'retrieval.query' : 'retrieval.passage'),
      dimensions: this.#dimensions,
    };
    return openAIVectors(this.provider, await this.client.post('/embeddings', body, signal), texts.length);
  }
}

/** Voyage AI's embeddings API. Key from `VOYAGE_API_KEY` unless given. */
export class VoyageEmbedder extends RemoteEmbedder {
  readonly #dimension: number | undefined;

  constructor(options?: HostedOptions) {
    const checked = settings(
      options,
      {
        provider: 'Voyage',
        model: 'voyage-3.5',
        baseURL: 'https://api.voyageai.com/v1',
        keyVariables: ['VOYAGE_API_KEY'],
        needsKey: true,
        batchSize: 128,
      },
      '/embeddings',
    );
    super(checked, MAX_TOKENS.voyage, checked.dimensions);
    this.#dimension = checked.dimensions;
  }

  protected override async embed(texts: string[], purpose: Purpose, signal: AbortSignal): Promise<Vector[]> {
    const body = {
      model: this.modelId,
      input: texts,
      input_type: purpose,
      output_dimension: this.#dimension,
    };
    return openAIVectors(this.provider, await this.client.post('/embeddings', body, signal), texts.length);
  }
}
