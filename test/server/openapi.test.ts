import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { beforeAll, describe, expect, it } from 'vitest';
import { buildApp } from '#dist/server/app.js';
import { Engine } from '#dist/server/engine/engine.js';
import { ModelPool } from '#dist/server/models/pool.js';
import { checkServerOptions } from '#dist/server/options.js';
import { fixture } from '../text/goldens.js';
import { TINY, testServer } from './support.js';

const server = testServer({
  models: [
    TINY,
    ...['tiny-crossencoder', 'tiny-splade', 'tiny-clip'].map((name) => fixture(`models/${name}`)),
  ],
});
const PICTURE = readFileSync(fixture('images/png_tiny_32x32.png')).toString('base64');

interface Operation {
  requestBody?: { content: Record<string, { schema: object; example?: unknown }> };
  responses: Record<string, { content: Record<string, { schema: object }> }>;
  security?: object[];
}
/** A schema, as far as the tests look into it. */
interface Described {
  properties?: Record<string, Described>;
  anyOf?: Described[];
}
let document: {
  openapi: string;
  paths: Record<string, Record<string, Operation>>;
  security: object[];
};
beforeAll(async () => {
  document = (await server.get('/openapi.json')).body;
});

const ajv = new Ajv2020({ strict: true, strictTypes: false, allErrors: true });
function expectValid(schema: object, value: unknown): void {
  const validate = ajv.compile(schema);
  validate(value);
  expect(validate.errors ?? []).toEqual([]);
}

/** The routes that the framework knows, but those of pages for people. */
async function registered(): Promise<string[]> {
  const options = checkServerOptions({ models: [TINY] });
  const engine = new Engine(new ModelPool(options.models), options);
  const app = buildApp(options, { engine, version: '0', ready: () => true });
  await app.ready();
  const lines = app.printRoutes({ commonPrefix: false }).split('\n');
  // A tree of what the paths have in common: a route's path is put together from those above it.
  const parents: string[] = [];
  const paths = lines.flatMap((line) => {
    const [, indent, part] = /^([\s│]*)[├└]── (\S+) \(.*\)$/.exec(line) ?? [];
    if (part === undefined) return [];
    const depth = indent.length / 4;
    parents.splice(depth, parents.length, part.replace('*', '/{model}'));
    const path = parents.join('');
    return path === '/docs' || path.startsWith('/assets/') ? [] : [path];
  });
  const routes = new Set<string>();
  for (const path of paths) {
    const { statusCode, headers } = await app.inject({ method: 'PATCH', url: path });
    expect([path, statusCode]).toEqual([path, 405]);
    for (const method of String(headers.allow).split(', ')) {
      if (method !== 'HEAD' && !(path === '/' && method === 'GET')) routes.add(`${method} ${path}`);
    }
  }
  await app.close();
  return [...routes];
}

describe('/openapi.json', () => {
  it('describes every route, and no others', async () => {
    const described = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const routes = await registered();
    expect(routes.length).toBeGreaterThan(25);
    expect(described.sort()).toEqual(routes.sort());
    expect(document.openapi).toBe('3.1.0');
  });

  const texts = ['a cat', 'a dog'];
  const rank = { query: 'a cat', documents: texts };
  it.each<[string, object | undefined]>([
    ['/v1/embeddings', { model: 'tiny-bert-cls', input: texts, dimensions: 4 }],
    ['/v1/embeddings', { model: 'tiny-bert-cls', input: [1, 2], encoding_format: 'base64' }],
    ['/v1/embeddings', { model: 'tiny-clip', input: [{ text: 'a' }, { image: PICTURE }], normalized: true }],
    ['/v1/models', undefined],
    ['/api/embed', { model: 'tiny-bert-cls', input: texts, keep_alive: '5m' }],
    ['/api/embeddings', { model: 'tiny-bert-cls', prompt: 'a cat' }],
    ['/api/version', undefined],
    ['/api/tags', undefined],
    ['/api/ps', undefined],
    ['/api/show', { model: 'tiny-bert-cls' }],
    ['/embed', { inputs: texts }],
    ['/embed_all', { inputs: 'a cat' }],
    ['/embed_sparse', { inputs: texts }],
    ['/similarity', { inputs: { source_sentence: 'a', sentences: texts } }],
    ['/rerank', { query: 'a', texts, return_text: true }],
    ['/rerank', rank],
    ['/predict', { inputs: ['a', 'b'] }],
    ['/predict', { inputs: [['a'], ['a', 'b']] }],
    ['/tokenize', { inputs: texts }],
    ['/decode', { ids: [5, 6] }],
    ['/info', undefined],
    ['/v1/rerank', { ...rank, top_n: 1, return_documents: true }],
    ['/v1/rerank', { ...rank, top_k: 1, return_documents: true }],
    ['/v2/rerank', { model: 'tiny-crossencoder', ...rank }],
    [
      '/api/v1/services/embeddings/text-embedding/text-embedding',
      { model: 'tiny-bert-cls', input: { texts }, parameters: { text_type: 'query' } },
    ],
    [
      '/api/v1/services/rerank/text-rerank/text-rerank',
      { model: 'tiny-crossencoder', input: rank, parameters: { top_n: 1 } },
    ],
    ['/health', undefined],
    ['/ready', undefined],
  ])('says what %s takes and answers', async (path, request) => {
    const { get, post } = document.paths[path];
    const operation = request ? post : get;
    if (request) expectValid(operation.requestBody?.content['application/json'].schema as object, request);
    const answer = request ? await server.post(path, request) : await server.get(path);
    expect(answer.status).toBe(200);
    expectValid(operation.responses[200].content['application/json'].schema, answer.body);
    if (!request) return;
    const refused = await server.post(path, { model: 'nope', input: 7, inputs: 7, ids: 7, documents: 7 });
    expect(refused.status).toBeGreaterThanOrEqual(400);
    expectValid(operation.responses['4XX'].content['application/json'].schema, refused.body);
  });

  it.each([
    ['/api/show', {}],
    ['/rerank', { query: 'a', documents: [] }],
    ['/v1/rerank', { query: 'a', documents: [] }],
    ['/v2/rerank', { query: 'a', documents: [] }],
  ])('does not say that %s takes what it refuses', async (path, request) => {
    expect((await server.post(path, request)).status).toBeGreaterThanOrEqual(400);
    const schema = document.paths[path].post.requestBody?.content['application/json'].schema as object;
    expect(ajv.compile(schema)(request)).toBe(false);
  });

  it('says that null is allowed just where it is', async () => {
    const bodies: Record<string, object> = {
      '/v1/embeddings': { model: 'tiny-bert-cls', input: 'a' },
      '/api/embed': { model: 'tiny-bert-cls', input: 'a' },
      '/api/embeddings': { model: 'tiny-bert-cls', prompt: 'a' },
      '/api/show': { model: 'tiny-bert-cls' },
      '/embed': { inputs: 'a' },
      '/embed_all': { inputs: 'a' },
      '/embed_sparse': { inputs: 'a' },
      '/similarity': { inputs: { source_sentence: 'a', sentences: ['b'] } },
      '/rerank': { query: 'a', texts: ['b'] },
      '/v1/rerank': rank,
      '/v2/rerank': { model: 'tiny-crossencoder', ...rank },
      '/predict': { inputs: 'a' },
      '/tokenize': { inputs: 'a' },
      '/decode': { ids: [5] },
      '/api/v1/services/embeddings/text-embedding/text-embedding': {
        model: 'tiny-bert-cls',
        input: { texts },
      },
      '/api/v1/services/rerank/text-rerank/text-rerank': { model: 'tiny-crossencoder', input: rank },
    };
    for (const [path, body] of Object.entries(bodies)) {
      const schema = document.paths[path].post.requestBody?.content['application/json'].schema as Described;
      const validate = ajv.compile(schema);
      const nested = schema.properties?.parameters?.properties ?? {};
      const changes = [
        ...Object.keys((schema.anyOf?.[0] ?? schema).properties ?? {}).map((name) => ({ [name]: null })),
        ...Object.keys(nested).map((name) => ({ parameters: { [name]: null } })),
      ];
      expect(changes.length).toBeGreaterThan(1);
      for (const change of changes) {
        const sent = { ...body, ...change };
        const { status } = await server.post(path, sent);
        expect({ path, change, taken: validate(sent) }).toEqual({ path, change, taken: status === 200 });
      }
    }
  });

  it('has examples that are valid', () => {
    let examples = 0;
    for (const { post } of Object.values(document.paths)) {
      const content = post?.requestBody?.content['application/json'];
      if (content?.example === undefined) continue;
      examples++;
      expectValid(content.schema, content.example);
    }
    expect(examples).toBeGreaterThan(5);
  });

  it('says what needs a key only where there are keys', async () => {
    expect(document.security).toEqual([]);
    const { openApiDocument } = await import('#dist/server/openapi/document.js');
    const keyed = openApiDocument('1', true) as typeof document;
    expect(keyed.security).toHaveLength(2);
    expect(keyed.paths['/health'].get.security).toEqual([]);
    expect(keyed.paths['/v1/embeddings'].post.security).toBeUndefined();
  });
});
