import type { FastifyInstance } from 'fastify';
import {
  booleanField,
  given,
  objectBody,
  optionalIntegerField,
  optionalStringField,
  stringField,
  stringsField,
} from '../body.js';
import { type FaultKind, invalid } from '../fault.js';
import { jsonFloats } from '../json-floats.js';
import { jsonRows } from '../json-rows.js';
import { note, signalOf } from '../request.js';
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
    const outputType = optionalStringField(parameters, 'output_type') ?? 'dense';
    if (outputType !== 'dense') {
      throw invalid('parameters.output_type', "'output_type' must be 'dense' for this model");
    }
    const type = optionalStringField(parameters, 'text_type');
    if (type !== undefined && type !== 'query' && type !== 'document') {
      throw invalid('parameters.text_type', "'text_type' must be 'query' or 'document'");
    }
    const result = await engine.embed({
      ...{
        model: stringField(body, 'model'),
        inputs: { texts },
        param: 'input.texts',
        purpose: type ?? 'document',
      },
      dimensions: optionalIntegerField(parameters, 'dimension', 1, 1_000_000),
      truncate: booleanField(parameters, 'auto_truncation', true),
      signal: signalOf(request),
    });
    note(request, result);
    const item = (row: Float32Array, index: number) =>
      `{"text_index":${index},"embedding":${jsonFloats(row)}}`;
    const tail = { usage: { total_tokens: result.tokens }, request_id: request.id };
    const rows = jsonRows(
      '{"output":{"embeddings":[',
      result.embeddings,
      item,
      `]},${JSON.stringify(tail).slice(1)}`,
    );
    return sendJson(reply, rows);
  });
}

function textRerank(app: FastifyInstance, context: DialectContext): void {
  app.post('/api/v1/services/rerank/text-rerank/text-rerank', async (request) => {
    const body = objectBody(request.body);
    const input = objectBody(given(body, 'input'), "Expected an object for 'input'");
    const parameters = objectBody(given(body, 'parameters') ?? {}, "Expected an object for 'parameters'");
    const { results, withDocuments, tokens } = await rerankDocuments(context, request, {
      ...{ model: stringField(body, 'model'), param: 'input.documents', raw: false },
      query: stringField(input, 'query'),
      documents: documentsField(input, 'documents'),
      topK: optionalIntegerField(parameters, 'top_n', 1, 1_000_000),
      withDocuments: booleanField(parameters, 'return_documents', false),
    });
    return {
      output: { results: results.map(withText(withDocuments)) },
      ...{ usage: { total_tokens: tokens }, request_id: request.id },
    };
  });
}
