import cors from '@fastify/cors';
import fastify, {
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify';
import { Admission } from './admission.js';
import { ApiKeys } from './api-keys.js';
import { parseBodies } from './body.js';
import { onClientError, watchRequests } from './client-errors.js';
import { dashScope } from './dialects/dashscope.js';
import { type Dialect, type DialectContext, sendFault, sendJson } from './dialects/dialect.js';
import { ollama } from './dialects/ollama.js';
import { openAI } from './dialects/openai.js';
import { cohereRerank, jinaRerank, plainRerank } from './dialects/rerank.js';
import { tei } from './dialects/tei/index.js';
import { Fault } from './fault.js';
import { ServerMetrics } from './metrics.js';
import { openApiDocument } from './openapi/document.js';
import type { CheckedOptions } from './options.js';
import { otherMethods } from './other-methods.js';
import { PAGE_ROUTES, pages } from './pages.js';
import { RateLimiter } from './rate-limiter.js';
import { keepStates, stateOf } from './request.js';
import { whenEnded } from './when-ended.js';

const DIALECTS: readonly Dialect[] = [openAI, ollama, tei, dashScope, jinaRerank, cohereRerank, plainRerank];

/** The second is where Text Embeddings Inference has it. */
const DOCUMENT_ROUTES = ['/openapi.json', '/api-doc/openapi.json'];

/** Open to everyone who only reads: load balancers and scrapers have no key. */
const PUBLIC = new Set(['/health', '/ready', '/ping', '/metrics', ...DOCUMENT_ROUTES, ...PAGE_ROUTES]);

/** What scripts of other origins may read besides the few headers that browsers always show them. */
const EXPOSED = ['retry-after', 'retry-after-ms', 'x-request-id'];

/** How often Node looks for clients that are too slow; its own default is half a minute. */
const SLOW_CLIENT_CHECK = 1000;
const MAX_HEADERS_TIMEOUT = 10_000;

/** A connection on which nothing moves, a client that does not read its answer for example. */
const IDLE_SOCKET_TIMEOUT = 120_000;

/** The HTTP side of the server: limits, keys, metrics, and the routes of every dialect. */
export function buildApp(options: CheckedOptions, context: DialectContext): FastifyInstance {
  const app = fastify({
    bodyLimit: options.maxBodyBytes,
    requestTimeout: options.requestTimeout,
    connectionTimeout: IDLE_SOCKET_TIMEOUT,
    keepAliveTimeout: 75_000,
    http: {
      connectionsCheckingInterval: SLOW_CLIENT_CHECK,
      headersTimeout: Math.min(MAX_HEADERS_TIMEOUT, options.requestTimeout),
      maxHeaderSize: 16 * 1024,
    },
    clientErrorHandler: onClientError,
    forceCloseConnections: 'idle',
    return503OnClosing: true,
    logger: options.log ? { stream: process.stderr } : false,
    // Its lines would have the whole URL; ours are below.
    logController: new LogController({ disableRequestLogging: true }),
    routerOptions: { maxParamLength: 300 },
    requestIdHeader: false,
    genReqId: () => crypto.randomUUID(),
  });
  watchRequests(app.server);
  const keys = new ApiKeys(options.apiKeys);
  const admission = new Admission(options);
  const rates = new RateLimiter(options.rateLimit);
  const metrics = new ServerMetrics(context.engine.pool, () => admission.requests);

  const refuseOtherMethods = otherMethods(app);
  keepStates(app);
  parseBodies(app, options.maxInputs);
  if (options.cors) {
    const origin = options.cors === true ? '*' : [...options.cors];
    void app.register(cors, { origin, exposedHeaders: EXPOSED });
  }

  // Neither hook is async: under overload they are most of what the server does.
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id);
    // Bodies are JSON whatever it says; one that is malformed the framework would refuse.
    request.headers['content-type'] = undefined;
    const state = stateOf(request);
    if (PUBLIC.has(state.route) && request.method !== 'POST') {
      done();
      return;
    }
    state.key = keys.check(request.headers);
    if (rates.active) rates.take(state.key ?? request.ip);
    const hasBody = request.method === 'POST' || request.method === 'PUT';
    const said = hasBody ? Number(request.headers['content-length']) : 0;
    let bytes = admission.enter(said);
    if (Number.isNaN(said)) {
      state.arrived = (length) => {
        admission.arrived(bytes - length);
        bytes = length;
      };
    }
    whenEnded(reply.raw, request.raw.socket, () => {
      admission.leave(bytes, hasBody && reply.raw.writableFinished && reply.statusCode === 200);
    });
    done();
  });
  app.addHook('onSend', (_, reply, payload, done) => {
    // Or the client would send its next request while the connection is being closed.
    if (!context.ready()) reply.header('connection', 'close');
    done(null, payload);
  });
  app.addHook('onResponse', (request, reply, done) => {
    const { route, model, texts, tokens, key } = stateOf(request);
    const { statusCode: status, elapsedTime } = reply;
    metrics.record({ route, status, seconds: elapsedTime / 1000, model, texts, tokens });
    if (tokens && rates.active) rates.spend(key ?? request.ip, tokens);
    if (options.log) {
      const ms = Math.round(elapsedTime * 100) / 100;
      request.log.info({ method: request.method, route, status, ms, key, model, texts, tokens });
    }
    done();
  });

  for (const dialect of DIALECTS) {
    void app.register(async (scope) => {
      scope.setErrorHandler((error, _, reply) => sendFault(reply, dialect, error));
      dialect.routes(scope, context);
    });
  }
  operations(app, context, metrics);
  const document = JSON.stringify(openApiDocument(context.version, options.apiKeys.length > 0));
  for (const route of DOCUMENT_ROUTES) app.get(route, (_, reply) => sendJson(reply, document));
  pages(app);
  refuseOtherMethods();
  const anyError = (error: unknown, request: FastifyRequest, reply: FastifyReply) =>
    sendFault(reply, dialectOf(request.url), error);
  app.setErrorHandler(anyError);
  app.setNotFoundHandler((request, reply) =>
    anyError(
      new Fault('not_found', `There is no ${request.method} ${request.url.split('?')[0]}`),
      request,
      reply,
    ),
  );
  return app;
}

function operations(app: FastifyInstance, { ready }: DialectContext, metrics: ServerMetrics): void {
  for (const path of ['/health', '/ping']) app.get(path, () => ({ status: 'ok' }));
  app.get('/ready', (_, reply) =>
    ready() ? reply.send({ status: 'ready' }) : reply.status(503).send({ status: 'not ready' }),
  );
  app.get('/metrics', async (_, reply) => reply.type(metrics.contentType).send(await metrics.text()));
}

/** Whose client probably sent a request for a route that is not there. */
function dialectOf(url: string): Dialect {
  if (url.startsWith('/api/v1/')) return dashScope;
  if (url.startsWith('/api/')) return ollama;
  if (url.startsWith('/v1/rerank')) return jinaRerank;
  if (url.startsWith('/v2/')) return cohereRerank;
  return url.startsWith('/v1') || url.startsWith('/compatible-mode') ? openAI : tei;
}
