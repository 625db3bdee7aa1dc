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
import { jsonNumbers, jsonRows } from '../json-rows.js';
import { note, signalOf } from '../request.js';
import { type Dialect, sendJson } from './dialect.js';

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

/** DashScope's native text embedding route. Its OpenAI mode is in the OpenAI dialect. */
export const dashScope: Dialect = {
  name: 'dashscope',
  faultBody: ({ kind, message }, requestId) => ({ code: CODES[kind], message, request_id: requestId }),
  routes(app, { engine }) {
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
        `{"text_index":${index},"embedding":${jsonNumbers(row)}}`;
      const tail = { usage: { total_tokens: result.tokens }, request_id: request.id };
      const rows = jsonRows(
        '{"output":{"embeddings":[',
        result.embeddings,
        item,
        `]},${JSON.stringify(tail).slice(1)}`,
      );
      return sendJson(reply, rows);
    });
  },
};
