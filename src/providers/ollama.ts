import { isIPv6 } from 'node:net';
import { EmbedlaneError, invalidArgument } from '../core/errors.js';
import { oneOf, optionalBoolean, optionalInteger, requireOptions } from '../core/validate.js';
import { field, plainVectors, type Vector, vector } from './answers.js';
import { checkRemoteOptions, type RemoteOptions, withoutEnding } from './options.js';
import { type Purpose, RemoteEmbedder } from './remote-embedder.js';
import { RemoteError } from './remote-error.js';

export interface OllamaOptions extends RemoteOptions {
  /** Width to ask for; Ollama ignores more than the model has. */
  dimensions?: number;
  /** `'embed'` (normalised, many texts a request), `'embeddings'` (not normalised, one text a request), or
   *  `'auto'` (default): the first, and the second from servers that are too old for it. */
  route?: 'auto' | 'embed' | 'embeddings';
  /** Whether Ollama cuts what is longer than the context. Default true. */
  truncate?: boolean;
  /** How long Ollama keeps the model loaded, for example `'5m'`. */
  keepAlive?: string | number;
  /** Model options, for example `{ num_ctx: 8192 }`. */
  options?: Record<string, unknown>;
}

/** An Ollama server; address from `OLLAMA_HOST` unless given, else `http://127.0.0.1:11434`. */
export class OllamaEmbedder extends RemoteEmbedder {
  readonly #body: object;
  readonly #extra: object;
  #route: 'auto' | 'embed' | 'embeddings';

  constructor(options: OllamaOptions) {
    const settings = checkRemoteOptions<OllamaOptions>(
      options,
      ['dimensions', 'route', 'truncate', 'keepAlive', 'options'],
      {
        provider: 'Ollama',
        model: undefined,
        baseURL: hostVariable(process.env.OLLAMA_HOST),
        keyVariables: ['OLLAMA_API_KEY'],
        needsKey: false,
        batchSize: 64,
      },
    );
    const { given, client, model } = settings;
    const dimensions = optionalInteger('dimensions', given.dimensions, 1, 1_000_000);
    const route =
      given.route === undefined ? 'auto' : oneOf('route', given.route, ['auto', 'embed', 'embeddings']);
    const truncate = optionalBoolean('truncate', given.truncate);
    checkKeepAlive(given.keepAlive);
    const modelOptions = checkModelOptions(given.options);
    client.baseURL = withoutEnding(client.baseURL, '/embed', '/embeddings', '/api');
    super(settings, Number.POSITIVE_INFINITY, dimensions);
    this.#route = route;
    this.#body = { model, keep_alive: given.keepAlive, options: modelOptions };
    this.#extra = { truncate, dimensions };
  }

  protected override async embed(texts: string[], _: Purpose, signal: AbortSignal): Promise<Vector[]> {
    if (this.#route !== 'embeddings') {
      try {
        const body = { ...this.#body, ...this.#extra, input: texts };
        const answer = await this.client.post('/api/embed', body, signal);
        return plainVectors(this.provider, field(answer, 'embeddings'), texts.length);
      } catch (error) {
        // A server without the route says 404 in plain text; one without the model says it in JSON.
        const missing = error instanceof RemoteError && error.status === 404;
        if (this.#route === 'embed' || !missing || /model/.test(error.providerMessage ?? '')) throw error;
      }
    }
    const answers = texts.map((prompt) =>
      this.client.post('/api/embeddings', { ...this.#body, prompt }, signal),
    );
    const vectors = await Promise.all(answers);
    // Only now: a 404 of something in between says nothing of the server's age, and the old route does not normalise.
    this.#route = 'embeddings';
    return vectors.map((answer) => vector(this.provider, field(answer, 'embedding')));
  }
}

function checkKeepAlive(value: unknown): void {
  if (value === undefined || Number.isFinite(value)) return;
  if (typeof value !== 'string' || value === '') {
    throw invalidArgument('keepAlive', "a number of seconds or a duration such as '5m'", value);
  }
}

function checkModelOptions(value: unknown): object | undefined {
  if (value === undefined) return undefined;
  requireOptions('options', value);
  try {
    // As it is now, and to see that it is JSON.
    return JSON.parse(JSON.stringify(value));
  } catch (cause) {
    throw new EmbedlaneError('ERR_INVALID_ARG', 'Expected an object that JSON can hold for options', {
      cause,
    });
  }
}

/**
 * `OLLAMA_HOST` as Ollama's own clients read it: a URL, whose port is that of its scheme unless it has one, or a host, a
 * port with a colon before it, or both. A server's own `0.0.0.0` is reached through loopback.
 */
function hostVariable(value: string | undefined): string {
  const given = value?.trim().replace(/^["']+|["']+$/g, '');
  if (!given) return 'http://127.0.0.1:11434';
  const isURL = given.includes('://');
  const host = isIPv6(given) ? `[${given}]` : given.startsWith(':') ? `127.0.0.1${given}` : given;
  const text = isURL ? given : `http://${host}`;
  // Reported as any base URL that is none, if nobody gives another one.
  if (!URL.canParse(text)) return given;
  const url = new URL(text);
  if (!isURL && !/^[^/]*:\d+(\/|$)/.test(host)) url.port = '11434';
  if (url.hostname === '0.0.0.0') url.hostname = '127.0.0.1';
  return url.href;
}
