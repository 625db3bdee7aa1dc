import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import pLimit, { type LimitFunction } from 'p-limit';
import pRetry from 'p-retry';
import { Agent, type Dispatcher, EnvHttpProxyAgent, fetch, ProxyAgent, type Response } from 'undici';
import { abortError } from '../core/abort.js';
import { EmbedlaneError } from '../core/errors.js';
import { LARGE_JSON, parseLargeJson } from '../core/large-json.js';
import { proxiesOfEnvironment } from '../core/proxy.js';
import { readRetryAfter } from '../core/retry-after.js';
import { field } from './answers.js';
import { RemoteError, readErrorBody } from './remote-error.js';

export interface RemoteClientOptions {
  /** Name for messages, for example `OpenAI`. */
  provider: string;
  baseURL: URL;
  headers: Record<string, string>;
  /** Key, which no message may show. */
  apiKey: string | undefined;
  concurrency: number;
  maxRetries: number;
  /** Milliseconds for one attempt. */
  timeout: number;
  proxy: string | undefined;
}

/** Statuses after which the same request may succeed. */
const RETRYABLE = new Set([408, 409, 425, 429, 500, 502, 503, 504]);

/** 429 of an account without credit: waiting does not help. */
const HOPELESS = new Set(['insufficient_quota', 'Arrearage', 'AllocationQuota']);

/** A provider that wants a longer pause is reported instead of waited for, as the official clients do. */
const LONGEST_PAUSE = 60_000;

/** Bytes of one answer, unpacked; 2,048 vectors of 3,072 numbers in decimal are 140 MB. */
const LARGEST_ANSWER = 256 * 2 ** 20;

/** Texts, lists and objects in one answer: three or four per vector, and as many per token of a sparse one. */
const MAX_VALUES = 2_000_000;

/** Seconds-scale backoff of the official clients, doubled each time and spread by a random factor of 1 to 2. */
const BACKOFF = { minTimeout: 300, maxTimeout: 8000, factor: 2, randomize: true };

/** JSON over HTTP with retries, a limit on requests at a time, and typed errors without keys in them. */
export class RemoteClient {
  readonly #options: RemoteClientOptions;
  readonly #dispatcher: Dispatcher;
  readonly #limit: LimitFunction;
  readonly #close = new AbortController();

  constructor(options: RemoteClientOptions) {
    this.#options = options;
    this.#limit = pLimit(options.concurrency);
    // Each request in progress has one.
    setMaxListeners(options.concurrency, this.#close.signal);
    this.#dispatcher = dispatcher(options.proxy);
  }

  get closed(): boolean {
    return this.#close.signal.aborted;
  }

  /**
   * Posts `body` to `path` below the base URL.
   *
   * @returns the parsed JSON of a 2xx answer
   * @throws {EmbedlaneError} {@link RemoteError}, `ERR_ABORTED`, `ERR_CLOSED`
   */
  post(path: string, body: object, signal: AbortSignal): Promise<unknown> {
    return this.#limit(() => this.#request(path, JSON.stringify(body), signal));
  }

  /** Requests in progress and later ones reject with `ERR_CLOSED`. */
  async close(): Promise<void> {
    this.#close.abort();
    await this.#dispatcher.destroy();
  }

  async #request(path: string, body: string, caller: AbortSignal): Promise<unknown> {
    const stop = new AbortController();
    const onStop = () => stop.abort();
    const sources = [caller, this.#close.signal];
    for (const source of sources) source.addEventListener('abort', onStop, { once: true });
    if (sources.some((source) => source.aborted)) stop.abort();
    try {
      return await pRetry(() => this.#attempt(path, body, stop.signal), {
        ...BACKOFF,
        retries: this.#options.maxRetries,
        signal: stop.signal,
        shouldRetry: async ({ error, retriesLeft }) => {
          if (!(error instanceof RemoteError) || !error.retryable || retriesLeft === 0) return false;
          const pause = error.retryAfter ?? 0;
          if (pause > LONGEST_PAUSE) return false;
          await delay(pause, undefined, { signal: stop.signal });
          return true;
        },
      });
    } catch (error) {
      if (caller.aborted) throw abortError(caller);
      if (this.closed) throw new EmbedlaneError('ERR_CLOSED', 'Expected an open embedder but it was closed');
      throw error;
    } finally {
      for (const source of sources) source.removeEventListener('abort', onStop);
    }
  }

  async #attempt(path: string, body: string, stop: AbortSignal): Promise<unknown> {
    const { timeout, headers } = this.#options;
    const url = this.#url(path);
    const attempt = new AbortController();
    const onStop = () => attempt.abort();
    stop.addEventListener('abort', onStop, { once: true });
    const timer = setTimeout(() => attempt.abort(), timeout);
    let response: Response;
    let answer: Buffer;
    try {
      response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'application/json', ...headers },
        body,
        // Another host must not get the texts or the key because this one says so.
        redirect: 'manual',
        signal: attempt.signal,
        dispatcher: this.#dispatcher,
      });
      answer = await this.#read(response, url);
    } catch (cause) {
      if (cause instanceof RemoteError) throw cause;
      if (!attempt.signal.aborted || stop.aborted) throw this.#unreachable(url, cause);
      throw new RemoteError(`Expected an answer from ${this.#name(url)} within ${timeout} ms`, {
        retryable: true,
        cause,
      });
    } finally {
      clearTimeout(timer);
      stop.removeEventListener('abort', onStop);
    }
    if (!response.ok) throw this.#refused(url, response, answer.toString());
    const parsed = await this.#parse(answer, response, url);
    // OpenRouter and others pass on an error with status 200.
    if (field(parsed, 'error')) throw this.#refused(url, response, answer.toString());
    return parsed;
  }

  async #parse(answer: Buffer, response: Response, url: URL): Promise<unknown> {
    try {
      if (answer.length > LARGE_JSON) return await parseLargeJson(answer, JSON.parse, MAX_VALUES);
      return JSON.parse(answer.toString());
    } catch (cause) {
      const shown = JSON.stringify(this.#redact(answer.toString('utf8', 0, 1000))?.slice(0, 60));
      throw new RemoteError(`Expected JSON from ${this.#name(url)} but received ${shown}`, {
        status: response.status,
        // It quotes the answer, too.
        cause: shown.includes('***') ? undefined : cause,
      });
    }
  }

  /** The body, as long as it is no bomb: the dispatcher's limit is for what arrives, not for what is in it. */
  async #read(response: Response, url: URL): Promise<Buffer> {
    const parts: Uint8Array[] = [];
    let length = 0;
    for await (const part of response.body ?? []) {
      length += part.length;
      if (length > LARGEST_ANSWER) {
        throw new RemoteError(
          `Expected at most ${LARGEST_ANSWER} bytes from ${this.#name(url)} but received more`,
          { status: response.status },
        );
      }
      parts.push(part);
    }
    return Buffer.concat(parts, length);
  }

  #url(path: string): URL {
    const url = new URL(this.#options.baseURL);
    url.pathname = url.pathname.replace(/\/+$/, '') + path;
    return url;
  }

  #name(url: URL): string {
    return `${this.#options.provider} at ${url.origin}${url.pathname}`;
  }

  #refused(url: URL, { status, headers }: Response, text: string): RemoteError {
    const body = readErrorBody(text);
    const message = this.#redact(body.message);
    const code = this.#redact(body.code);
    const target = status >= 300 && status < 400 ? headers.get('location') : null;
    const said = target
      ? `a redirect to ${this.#redact(target.slice(0, 200))}, which is not followed: give baseURL as it should be`
      : [code, message && JSON.stringify(message)].filter(Boolean).join(' ');
    return new RemoteError(
      `Expected embeddings from ${this.#name(url)} but received HTTP ${status}${said && `: ${said}`}`,
      {
        status,
        providerCode: code,
        providerMessage: message,
        retryAfter: readRetryAfter(headers),
        retryable: RETRYABLE.has(status) && !HOPELESS.has(code ?? ''),
      },
    );
  }

  #unreachable(url: URL, cause: unknown): RemoteError {
    const reason = rootCause(cause);
    return new RemoteError(`Expected an answer from ${this.#name(url)} but received ${reason.text}`, {
      retryable: !reason.certificate,
      cause,
    });
  }

  /** Some providers quote the key that they refuse. */
  #redact(text: string | undefined): string | undefined {
    const { apiKey } = this.#options;
    return apiKey ? text?.replaceAll(apiKey, '***') : text;
  }
}

function dispatcher(proxy: string | undefined): Dispatcher {
  // An attempt's own timer ends it; undici's would after five minutes, whatever `timeout` says.
  const options = { maxResponseSize: LARGEST_ANSWER, headersTimeout: 0, bodyTimeout: 0 };
  if (proxy !== undefined) return new ProxyAgent({ uri: proxy, ...options });
  const proxies = proxiesOfEnvironment();
  if (proxies.httpProxy === '' && proxies.httpsProxy === '') return new Agent(options);
  return new EnvHttpProxyAgent({ ...proxies, ...options });
}

/** What stands behind fetch's "fetch failed", and whether it is about a certificate, which no retry mends. */
function rootCause(error: unknown): { text: string; certificate: boolean } {
  let cause = error;
  while (cause instanceof Error && cause.cause instanceof Error) cause = cause.cause;
  if (!(cause instanceof Error)) return { text: String(cause), certificate: false };
  const { code } = cause as NodeJS.ErrnoException;
  const certificate = code !== undefined && /CERT|ERR_TLS|ERR_SSL|UNABLE_TO_|EPROTO/.test(code);
  return {
    text: code && !cause.message.includes(code) ? `${cause.message} (${code})` : cause.message,
    certificate,
  };
}
