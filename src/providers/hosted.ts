import { optionalInteger } from '../core/validate.js';
import { field, openAIVectors, plainVectors, type Vector } from './answers.js';
import { checkRemoteOptions, type RemoteDefaults, type RemoteOptions, withoutEnding } from './options.js';
import { type Purpose, RemoteEmbedder } from './remote-embedder.js';

/** Options of {@link CohereEmbedder}, {@link JinaEmbedder} and {@link VoyageEmbedder}. */
export interface HostedOptions extends RemoteOptions {
  /** Width to ask for (models that can shorten their vectors). */
  dimensions?: number;
}

interface HostedDefaults extends RemoteDefaults {
  /** What a base URL may end with, because people copy the whole endpoint. */
  ending: string;
  /** Tokens of one request, all texts together: the lowest limit among the provider's models. */
  maxTokens: number;
}

/** A provider whose models can shorten their vectors. */
abstract class HostedEmbedder extends RemoteEmbedder {
  /** Width to ask for. */
  protected readonly wanted: number | undefined;

  constructor(options: HostedOptions | undefined, { ending, maxTokens, ...defaults }: HostedDefaults) {
    const checked = checkRemoteOptions<HostedOptions>(options, ['dimensions'], defaults);
    checked.client.baseURL = withoutEnding(checked.client.baseURL, ending);
    const dimensions = optionalInteger('dimensions', checked.given.dimensions, 1, 1_000_000);
    super(checked, maxTokens, dimensions);
    this.wanted = dimensions;
  }

  /** Asks for embeddings in OpenAI's form. */
  protected async ask(body: object, count: number, signal: AbortSignal): Promise<Vector[]> {
    return openAIVectors(this.provider, await this.client.post('/embeddings', body, signal), count);
  }
}

/** Cohere's embed API, version 2. Key from `CO_API_KEY` or `COHERE_API_KEY` unless given. */
export class CohereEmbedder extends HostedEmbedder {
  constructor(options?: HostedOptions) {
    super(options, {
      provider: 'Cohere',
      model: 'embed-v4.0',
      baseURL: 'https://api.cohere.com/v2',
      keyVariables: ['CO_API_KEY', 'COHERE_API_KEY'],
      needsKey: true,
      ending: '/embed',
      batchSize: 96,
      maxTokens: 200_000,
    });
  }

  protected override async embed(texts: string[], purpose: Purpose, signal: AbortSignal): Promise<Vector[]> {
    const body = {
      model: this.modelId,
      texts,
      input_type: purpose === 'query' ? 'search_query' : 'search_document',
      embedding_types: ['float'],
      output_dimension: this.wanted,
    };
    const answer = await this.client.post('/embed', body, signal);
    return plainVectors(this.provider, field(field(answer, 'embeddings'), 'float'), texts.length);
  }
}

/** Jina AI's embeddings API. Key from `JINA_API_KEY` unless given. */
export class JinaEmbedder extends HostedEmbedder {
  constructor(options?: HostedOptions) {
    super(options, {
      provider: 'Jina',
      model: 'jina-embeddings-v3',
      baseURL: 'https://api.jina.ai/v1',
      keyVariables: ['JINA_API_KEY'],
      needsKey: true,
      ending: '/embeddings',
      batchSize: 128,
      maxTokens: 200_000,
    });
  }

  protected override embed(texts: string[], purpose: Purpose, signal: AbortSignal): Promise<Vector[]> {
    const task = purpose && (purpose === 'query' ? 'retrieval.query' : 'retrieval.passage');
    const body = { model: this.modelId, input: texts, task, dimensions: this.wanted };
    return this.ask(body, texts.length, signal);
  }
}

/** Voyage AI's embeddings API. Key from `VOYAGE_API_KEY` unless given. */
export class VoyageEmbedder extends HostedEmbedder {
  constructor(options?: HostedOptions) {
    super(options, {
      provider: 'Voyage',
      model: 'voyage-3.5',
      baseURL: 'https://api.voyageai.com/v1',
      keyVariables: ['VOYAGE_API_KEY'],
      needsKey: true,
      ending: '/embeddings',
      batchSize: 128,
      maxTokens: 120_000,
    });
  }

  protected override embed(texts: string[], purpose: Purpose, signal: AbortSignal): Promise<Vector[]> {
    const body = { model: this.modelId, input: texts, input_type: purpose, output_dimension: this.wanted };
    return this.ask(body, texts.length, signal);
  }
}
