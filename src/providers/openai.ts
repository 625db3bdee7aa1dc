import { oneOf, optionalInteger, optionalString } from '../core/validate.js';
import { openAIVectors, type Vector } from './answers.js';
import { checkRemoteOptions, type RemoteOptions, withoutEnding } from './options.js';
import { type Purpose, RemoteEmbedder } from './remote-embedder.js';

/** OpenAI's limit on the tokens of one request, all inputs together. */
const MAX_TOKENS = 300_000;

export interface OpenAIOptions extends RemoteOptions {
  /** Width to ask for (models that can shorten their vectors). */
  dimensions?: number;
  /** How vectors travel. Default: `'base64'` from OpenAI's own host, `'float'` from any other. */
  encodingFormat?: 'float' | 'base64';
  /** End user, for OpenAI's abuse monitoring. */
  user?: string;
}

/**
 * OpenAI, and every host that speaks its `/v1/embeddings`.
 *
 * Key from `OPENAI_API_KEY`, base URL from `OPENAI_BASE_URL` unless given. The base URL may also be the whole
 * endpoint, `…/v1/embeddings`.
 *
 * @example
 * const model = new OpenAIEmbedder({ model: 'text-embedding-3-small', dimensions: 512 });
 * const vectors = await model.encode(['a', 'b']);
 */
export class OpenAIEmbedder extends RemoteEmbedder {
  readonly #body: object;

  constructor(options?: OpenAIOptions) {
    const settings = checkRemoteOptions<OpenAIOptions>(options, ['dimensions', 'encodingFormat', 'user'], {
      provider: 'OpenAI',
      model: 'text-embedding-3-small',
      baseURL: process.env.OPENAI_BASE_URL || 'https://api.openai.com/v1',
      keyVariables: ['OPENAI_API_KEY'],
      needsKey: !process.env.OPENAI_BASE_URL,
      batchSize: 128,
    });
    const { given, client, model } = settings;
    const dimensions = optionalInteger('dimensions', given.dimensions, 1, 1_000_000);
    const format = given.encodingFormat;
    if (format !== undefined) oneOf('encodingFormat', format, ['float', 'base64']);
    const user = optionalString('user', given.user);
    client.baseURL = withoutEnding(client.baseURL, '/embeddings');
    if (client.baseURL.hostname.endsWith('.aliyuncs.com')) {
      settings.batchSize = Math.min(settings.batchSize, dashScopeBatchSize(model));
    }
    super(settings, MAX_TOKENS, dimensions);
    // Not every compatible host knows base64; some would send it without being asked to if nothing was said.
    const encoding = format ?? (isOpenAI(client.baseURL) ? 'base64' : 'float');
    this.#body = { model, dimensions, encoding_format: encoding, user };
  }

  protected override async embed(texts: string[], _: Purpose, signal: AbortSignal): Promise<Vector[]> {
    const answer = await this.client.post('/embeddings', { ...this.#body, input: texts }, signal);
    return openAIVectors(this.provider, answer, texts.length);
  }
}

function isOpenAI({ hostname }: URL): boolean {
  return hostname === 'openai.com' || hostname.endsWith('.openai.com');
}

/** Rows that DashScope takes in one request: 10 since text-embedding-v3, 25 before. */
export function dashScopeBatchSize(model: string): number {
  return /^text-embedding-v[12]$/.test(model) ? 25 : 10;
}
