import { createRequire } from 'node:module';
import type { Dispatcher } from 'undici';
import { abortError, throwIfAborted } from '../core/abort.js';
import { EmbedlaneError } from '../core/errors.js';
import { proxiesOfEnvironment } from '../core/proxy.js';
import { Transient } from '../core/retry.js';
import { isHex, parseTree, type RepositoryFile } from './listing.js';
import { accessToken, type HubSettings } from './settings.js';
import { statusFailure } from './status.js';

/** A reply with its body still to come. */
export interface HubResponse {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: Dispatcher.ResponseData['body'];
}

/** An answer in JSON. */
interface Answer {
  value: unknown;
  /** The `Link` header. */
  link: string;
}

interface Connection {
  token: string | undefined;
  dispatcher: Dispatcher;
  request: typeof import('undici').request;
}

const MAX_REDIRECTS = 10;
/** Most bytes of an answer that is not a file: large listings have some megabytes. */
const MAX_JSON = 64 * 2 ** 20;
const { version } = createRequire(import.meta.url)('../../package.json') as { version: string };

/**
 * Speaks the Hugging Face Hub's protocol. Failures that may pass are {@link Transient}.
 *
 * The token goes to the endpoint's origin and nowhere else: redirects to storage and other hosts are followed
 * without it. No message holds a token, nor the query of a URL, which may be a signature.
 */
export class HubClient {
  readonly #settings: HubSettings;
  readonly #connection: Connection;
  readonly #signal: AbortSignal | undefined;

  private constructor(settings: HubSettings, connection: Connection, signal: AbortSignal | undefined) {
    this.#settings = settings;
    this.#connection = connection;
    this.#signal = signal;
  }

  static async open(settings: HubSettings, signal: AbortSignal | undefined): Promise<HubClient> {
    // Most loads need no network, and undici takes longer to import than all of embedlane.
    const [{ EnvHttpProxyAgent, request }, token] = await Promise.all([
      import('undici'),
      accessToken(settings),
    ]);
    const { timeout } = settings;
    // HTTP_PROXY, HTTPS_PROXY and NO_PROXY, which Node's own fetch does not look at by default.
    const dispatcher = new EnvHttpProxyAgent({
      ...proxiesOfEnvironment(),
      connect: { timeout },
      headersTimeout: timeout,
      bodyTimeout: timeout,
    });
    return new HubClient(settings, { token, dispatcher, request }, signal);
  }

  /** The same connections, ended by another signal. */
  withSignal(signal: AbortSignal): HubClient {
    return new HubClient(this.#settings, this.#connection, signal);
  }

  /** Ends all connections. */
  async close(): Promise<void> {
    await this.#connection.dispatcher.destroy();
  }

  /** The commit that a branch, tag or short commit stands for. */
  async resolveRevision(name: string, revision: string): Promise<string> {
    const url = this.#url('api/models', name, 'revision', encodeURIComponent(revision));
    const { value } = await this.#json(url, `${name}@${revision}`);
    const sha = (value as { sha?: unknown } | null)?.sha;
    if (isHex(sha, 40)) return sha;
    throw this.#unexpected('a commit', `${name}@${revision}`);
  }

  /** All files of a commit. */
  async listFiles(name: string, commit: string): Promise<RepositoryFile[]> {
    const files: RepositoryFile[] = [];
    let url: URL | undefined = this.#url('api/models', name, 'tree', commit);
    url.searchParams.set('recursive', 'true');
    while (url) {
      const page: Answer = await this.#json(url, name);
      files.push(...parseTree(page.value, this.#settings.endpoint));
      const next: URL | undefined = nextPage(page.link, url);
      if (next?.href === url.href) throw this.#unexpected('another page after each', name);
      url = next;
    }
    return files;
  }

  /**
   * Asks for a file's content from byte `offset` on. The status is 206, 200 if the server sends all of it, or
   * 416 if it has fewer bytes. The caller reads or destroys the body.
   */
  async openFile(name: string, commit: string, path: string, offset: number): Promise<HubResponse> {
    const url = this.#url(name, 'resolve', commit, ...path.split('/').map(encodeURIComponent));
    return this.#send(url, `${path} of ${name}`, offset > 0 ? { range: `bytes=${offset}-` } : {});
  }

  /** The body of a reply; a connection that breaks is {@link Transient}. */
  async *read({ body }: HubResponse): AsyncGenerator<Buffer, void, undefined> {
    try {
      yield* body as AsyncIterable<Buffer>;
    } catch (error) {
      throw this.#networkFailure(error);
    } finally {
      body.destroy();
    }
  }

  #url(...parts: string[]): URL {
    return new URL([this.#settings.endpoint, ...parts].join('/'));
  }

  async #json(url: URL, subject: string): Promise<Answer> {
    const response = await this.#send(url, subject, { accept: 'application/json' });
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of this.read(response)) {
      size += chunk.length;
      if (size > MAX_JSON) throw this.#unexpected('a listing of reasonable size', subject);
      chunks.push(chunk);
    }
    try {
      return {
        value: JSON.parse(Buffer.concat(chunks).toString('utf8')),
        link: String(response.headers.link ?? ''),
      };
    } catch {
      throw this.#unexpected('JSON', subject);
    }
  }

  async #send(url: URL, subject: string, headers: Record<string, string>): Promise<HubResponse> {
    const { origin } = new URL(this.#settings.endpoint);
    const { token } = this.#connection;
    let target = url;
    for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
      throwIfAborted(this.#signal);
      const response = await this.#once(target, {
        ...headers,
        // Sizes and positions are those of the file, not of a compressed form of it.
        'accept-encoding': 'identity',
        'user-agent': `embedlane/${version}; node/${process.versions.node}`,
        ...(token !== undefined && target.origin === origin ? { authorization: `Bearer ${token}` } : {}),
      });
      const { location } = response.headers;
      if (response.status < 300 || response.status > 399 || typeof location !== 'string') {
        if (response.status < 300 || (response.status === 416 && 'range' in headers)) return response;
        throw await this.#refused(response, subject);
      }
      response.body.destroy();
      target = redirect(target, location, subject);
    }
    throw this.#unexpected(`at most ${MAX_REDIRECTS} redirects`, subject);
  }

  async #once(url: URL, headers: Record<string, string>): Promise<HubResponse> {
    try {
      const { request, dispatcher } = this.#connection;
      const options = { headers, dispatcher, signal: this.#signal };
      const { statusCode, headers: received, body } = await request(url, options);
      // Without a listener, a body that is destroyed unread would be an uncaught error.
      body.on('error', () => {});
      return { status: statusCode, headers: received, body };
    } catch (error) {
      throw this.#networkFailure(error, url);
    }
  }

  /** What a failed request or a body that broke off means. */
  #networkFailure(error: unknown, url?: URL): unknown {
    if (this.#signal?.aborted) return abortError(this.#signal);
    if (error instanceof EmbedlaneError || error instanceof Transient) return error;
    const { code, message } = error as NodeJS.ErrnoException;
    const failure = new EmbedlaneError(
      'ERR_DOWNLOAD',
      `Expected an answer from ${url?.origin ?? this.#settings.endpoint} but received ${code ?? message}`,
      { cause: error },
    );
    // No such host, or certificates that do not fit: waiting does not help.
    const final = code === 'ENOTFOUND' || code?.includes('CERT') || code?.includes('SIGNATURE');
    return final ? failure : new Transient(failure);
  }

  async #refused(response: HubResponse, subject: string): Promise<unknown> {
    response.body.destroy();
    return statusFailure(response, subject, {
      endpoint: this.#settings.endpoint,
      hasToken: this.#connection.token !== undefined,
    });
  }

  #unexpected(expected: string, subject: string): EmbedlaneError {
    return new EmbedlaneError(
      'ERR_DOWNLOAD',
      `Expected ${expected} for ${subject} from ${this.#settings.endpoint} but received something else; ` +
        'is it a Hugging Face Hub or a mirror of one?',
    );
  }
}

function redirect(from: URL, location: string, subject: string): URL {
  const target = URL.canParse(location, from.href) ? new URL(location, from) : undefined;
  const secure = target?.protocol === 'https:' || (target?.protocol === 'http:' && from.protocol === 'http:');
  if (target && secure) return target;
  throw new EmbedlaneError(
    'ERR_DOWNLOAD',
    `Expected a redirect to an ${from.protocol === 'https:' ? 'https' : 'http or https'} URL for ${subject} ` +
      `but ${from.origin} sent another`,
  );
}

/**
 * The `Link: <…>; rel="next"` header of a listing in pages. Mirrors and proxies pass on the origin of what is behind them:
 * the page is asked for where the one before it was.
 */
function nextPage(link: string, current: URL): URL | undefined {
  const target = /<([^>]+)>\s*;\s*rel="?next"?/.exec(link)?.[1];
  if (target === undefined || !URL.canParse(target, current.href)) return undefined;
  const url = new URL(target, current);
  if (url.origin === current.origin) return url;
  const here = new URL(current);
  here.search = url.search;
  return here;
}
