import type { FastifyInstance } from 'fastify';
import type { Embeddings } from '../../core/embeddings.js';
import type { SparseVector } from '../../heads/index.js';
import {
  booleanField,
  given,
  objectBody,
  optionalIntegerField,
  optionalStringField,
  stringField,
  stringsField,
} from '../body.js';
import type { EmbedRequest, Engine, Usage } from '../engine/engine.js';
import { type FaultKind, invalid } from '../fault.js';
import { jsonFloats } from '../json-floats.js';
import { jsonList, jsonSparse, rowsAtATime, SPARSE_AT_A_TIME } from '../json-rows.js';
import { note } from '../request.js';
import { signalOf } from '../when-ended.js';
import { type Dialect, type DialectContext, sendJson } from './dialect.js';
import { documentsField, rerankDocuments, withText } from './rerank.js';

const CODES: Record<FaultKind, string> = {
  invalid: 'InvalidParameter',
  unauthorized: 'InvalidApiKey',
  not_found: 'ModelNotFound',
  too_large: 'InvalidParameter',
  timeout: 'RequestTimeOut',
  overloaded: 'Throttling',
  rate_limited: 'Throttling.RateQuota',
  unavailable: 'ModelUnavailable',
  backend: 'InternalError',
};

/** DashScope's native routes for embedding and reranking texts. Its OpenAI mode is in the OpenAI dialect. */
export const dashScope: Dialect = {
  name: 'dashscope',
  faultBody: ({ kind, message }, requestId) => ({ code: CODES[kind], message, request_id: requestId }),
  routes(app, context) {
    textEmbedding(app, context);
    textRerank(app, context);
  },
};

function textEmbedding(app: FastifyInstance, { engine }: DialectContext): void {
  app.post('/api/v1/services/embeddings/text-embedding/text-embedding', async (request, reply) => {
    const body = objectBody(request.body);
    const texts = stringsField(objectBody(given(body, 'input'), "Expected an object for 'input'"), 'texts');
    if (texts.length === 0) throw invalid('input.texts', "'input.texts' cannot be empty");
    const parameters = objectBody(given(body, 'parameters') ?? {}, "Expected an object for 'parameters'");
    const type = optionalStringField(parameters, 'text_type');
    if (type !== undefined && type !== 'query' && type !== 'document') {
      throw invalid('parameters.text_type', "'text_type' must be 'query' or 'document'");
    }
    const wanted: EmbedRequest = {
      model: stringField(body, 'model'),
      inputs: { texts },
      param: 'input.texts',
      purpose: type ?? 'document',
      dimensions: optionalIntegerField(parameters, 'dimension', 1, 1_000_000),
      truncate: booleanField(parameters, 'auto_truncation', true),
      signal: signalOf(request),
    };
    const { item, step, ...usage } = await vectorsOf(
      engine,
      optionalStringField(parameters, 'output_type') ?? 'dense',
      wanted,
    );
    note(request, usage);
    const tail = { usage: { total_tokens: usage.tokens }, request_id: request.id };
    const list = jsonList(
      '{"output":{"embeddings":[',
      texts.length,
      step,
      (index) => `{"text_index":${index},${item(index)}}`,
      `]},${JSON.stringify(tail).slice(1)}`,
    );
    return sendJson(reply, list);
  });
}

interface Vectors extends Usage {
  /** Fields of one text's vectors, as JSON. */
  item(index: number): string;
  /** Items to be written in one go. */
  step: number;
}

async function vectorsOf(engine: Engine, outputType: string, request: EmbedRequest): Promise<Vectors> {
  const dense = ({ embeddings }: { embeddings: Embeddings }, index: number) =>
    `"embedding":${jsonFloats(embeddings.row(index))}`;
  const sparse = (vector: SparseVector) => `"sparse_embedding":${jsonSparse(vector)}`;
  switch (outputType) {
    case 'dense': {
      const result = await engine.embed(request);
      return { ...result, item: (i) => dense(result, i), step: rowsAtATime(result.embeddings.dims) };
    }
    case 'sparse': {
      const { inputs, ...rest } = request;
      const { texts } = inputs as { texts: string[] };
      const result = await engine.sparse({ ...rest, texts });
      return { ...result, item: (i) => sparse(result.vectors[i]), step: SPARSE_AT_A_TIME };
    }
    case 'dense&sparse': {
      const result = await engine.denseAndSparse(request);
      const item = (i: number) => `${sparse(result.sparse[i])},${dense(result, i)}`;
      return { ...result, item, step: SPARSE_AT_A_TIME };
    }
    default:
      throw invalid('parameters.output_type', "'output_type' must be 'dense', 'sparse' or 'dense&sparse'");
  }
}

function textRerank(app: FastifyInstance, context: DialectContext): void {
  app.post('/api/v1/services/rerank/text-rerank/text-rerank', async (request) => {
    const body = objectBody(request.body);
    const input = objectBody(given(body, 'input'), "Expected an object for 'input'");
    const parameters = objectBody(given(body, 'parameters') ?? {}, "Expected an object for 'parameters'");
    const { results, withDocuments, tokens } = await rerankDocuments(context, request, {
      model: stringField(body, 'model'),
      param: 'input.documents',
      raw: false,
      query: stringField(input, 'query'),
      documents: documentsField(input, 'documents'),
      topK: optionalIntegerField(parameters, 'top_n', 1, 1_000_000),
      withDocuments: booleanField(parameters, 'return_documents', false),
    });
    return {
      output: { results: results.map(withText(withDocuments)) },
      usage: { total_tokens: tokens },
      request_id: request.id,
    };
  });
}
