/// <reference lib="esnext.disposable" preserve="true" />
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { ioError } from '../core/io.js';
import { buildApp } from './app.js';
import { Engine } from './engine/engine.js';
import { ModelPool } from './models/pool.js';
import { checkServerOptions, type ServerOptions } from './options.js';

export { EmbedlaneError, type ErrorCode } from '../core/errors.js';
export type { ModelKind } from './models/kinds.js';
export type { ServedModel } from './models/pooled-model.js';
export { type RateLimit, SERVER_OPTIONS, type ServerOptions } from './options.js';

const { version } = createRequire(import.meta.url)('../../package.json') as { version: string };

/** A server that listens. */
export interface Server extends AsyncDisposable {
  /** Where it listens, for example `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly port: number;
  /**
   * Takes no more requests, lets those in progress end (for `drainTimeout` at most), and unloads the models.
   * Closing again waits for the same end.
   */
  close(): Promise<void>;
}

/**
 * Starts an embedding server that speaks the protocols of OpenAI, Ollama, Text Embeddings Inference and
 * DashScope.
 *
 * @returns the server, listening
 * @throws {EmbedlaneError} `ERR_INVALID_ARG`; `ERR_IO` if the address cannot be used; what loading a model throws
 *
 * @example
 * const server = await createServer({ models: ['all-MiniLM-L6-v2'], port: 0 });
 * await fetch(`${server.url}/v1/embeddings`, { method: 'POST', body: JSON.stringify({ model: 'all-MiniLM-L6-v2', input: 'a' }) });
 * await server.close();
 */
export async function createServer(options?: ServerOptions): Promise<Server> {
  const checked = checkServerOptions(options);
  const pool = new ModelPool(checked.models);
  const engine = new Engine(pool, checked);
  let listening = false;
  const app = buildApp(checked, { engine, version, ready: () => listening });
  try {
    // As a request would: a model that nobody asks for is idle from here on.
    const loading = checked.preload ? pool.models : [];
    await Promise.all(loading.map((model) => model.use(checked.keepAlive, async () => {})));
    await listen(app, checked.host, checked.port);
  } catch (error) {
    await Promise.all([app.close(), pool.close()]);
    throw error;
  }
  listening = true;
  const { port } = app.server.address() as AddressInfo;
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> => {
    listening = false;
    closed ??= drain(app, pool, checked.drainTimeout);
    return closed;
  };
  return { url: urlOf(checked.host, port), port, close, [Symbol.asyncDispose]: close };
}

/**
 * Connections that the system keeps until they are accepted, or as many as it allows. Node asks for 511, which a thousand
 * clients that come at once overflow: they try again after a second, then two, then four.
 */
const BACKLOG = 4096;

async function listen(app: FastifyInstance, host: string, port: number): Promise<void> {
  try {
    await app.listen({ host, port, backlog: BACKLOG });
  } catch (error) {
    throw ioError('a free address', `${host}:${port}`, error);
  }
}

/** Milliseconds between looks for connections that have become idle while the server closes. */
const IDLE_CHECK = 50;

async function drain(app: FastifyInstance, pool: ModelPool, timeout: number): Promise<void> {
  const timer = setTimeout(() => app.server.closeAllConnections(), timeout);
  // A connection that was busy when closing began would otherwise be kept for the client's next request.
  const idle = setInterval(() => app.server.closeIdleConnections(), IDLE_CHECK);
  try {
    await app.close();
  } finally {
    clearTimeout(timer);
    clearInterval(idle);
    await pool.close();
  }
}

function urlOf(host: string, port: number): string {
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`;
}
