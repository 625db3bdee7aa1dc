import { dashScopePaths } from './dashscope.js';
import { ollamaPaths } from './ollama.js';
import { openAIPaths } from './openai.js';
import { operations, type Paths } from './operation.js';
import { rerankPaths } from './rerank.js';
import { object, string } from './schema.js';
import { teiPaths } from './tei.js';

const operation = operations('Operation', object({}));
const status = object({ status: string }, 'status');
const health = operation({ summary: 'Whether the process lives', answer: status, open: true });

const operationPaths: Paths = {
  '/health': { get: health },
  '/ping': { get: health },
  '/ready': {
    get: operation({
      summary: 'Whether the server takes requests: 503 while it starts or drains',
      answer: status,
      open: true,
    }),
  },
  '/metrics': {
    get: {
      ...operation({ summary: 'Figures in the format of Prometheus', answer: {}, open: true }),
      responses: {
        200: { description: 'Figures.', content: { 'text/plain': { schema: string } } },
      },
    },
  },
  '/openapi.json': {
    get: operation({ summary: 'This document', answer: { type: 'object' }, open: true }),
  },
  '/api-doc/openapi.json': {
    get: operation({
      summary: 'The same, where Text Embeddings Inference has it',
      answer: { type: 'object' },
      open: true,
    }),
  },
};

/** All routes of the server in OpenAPI 3.1. */
export function openApiDocument(version: string, withKeys: boolean): object {
  return {
    openapi: '3.1.0',
    info: {
      title: 'embedlane',
      version,
      description:
        'One embedding server with the protocols of several. Errors have the form of the route called.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    paths: {
      ...openAIPaths,
      ...rerankPaths,
      ...teiPaths,
      ...ollamaPaths,
      ...dashScopePaths,
      ...operationPaths,
    },
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer' },
        header: { type: 'apiKey', in: 'header', name: 'x-api-key' },
      },
    },
    security: withKeys ? [{ bearer: [] }, { header: [] }] : [],
  };
}
