import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { similarity } from '../../../vectors/index.js';
import {
  booleanField,
  given,
  inputsField,
  objectBody,
  optionalIntegerField,
  purposeField,
  stringField,
  stringsField,
} from '../../body.js';
import { Fault, type FaultKind } from '../../fault.js';
import { jsonFloats } from '../../json-floats.js';
import { jsonMatrices, jsonRows } from '../../json-rows.js';
import { note } from '../../request.js';
import { signalOf } from '../../when-ended.js';
import { type Dialect, type DialectContext, sendJson } from '../dialect.js';
import { common, refuseEmpty, usageHeaders } from './fields.js';
import { heads } from './heads.js';
import { info } from './info.js';
import { tokens } from './tokens.js';

const TYPES: Record<FaultKind, string> = {
  invalid: 'Validation',
  unauthorized: 'Unauthorized',
  not_found: 'NotFound',
  too_large: 'Validation',
  timeout: 'Timeout',
  overloaded: 'Overloaded',
  rate_limited: 'Overloaded',
  unavailable: 'Unhealthy',
  backend: 'Backend',
};

/** Text Embeddings Inference's own routes. They name no model: the default one serves, or `model` in the body. */
export const tei: Dialect = {
  name: 'tei',
  faultBody: ({ kind, message, code }) => ({
    error: message,
    error_type: code === 'empty' ? 'Empty' : TYPES[kind],
  }),
  faultStatus({ kind, status, code }) {
    if (kind === 'backend') return 424;
    // 400 is for empty input and for what is no JSON; a field that is wrong is a validation error.
    return kind === 'invalid' && status === 400 && code !== 'empty' ? 422 : status;
  },
  routes(app, context) {
    usageHeaders(app);
    embed(app, context);
    embedAll(app, context);
    similarities(app, context);
    heads(app, context);
    tokens(app, context);
    app.get('/info', () => info(context));
  },
};

/** Also at the root, where clients of the Hub's inference endpoints send what they have. */
function embed(app: FastifyInstance, { engine }: DialectContext): void {
  const answer = async (request: FastifyRequest, reply: FastifyReply) => {
    const body = objectBody(request.body);
    const inputs = inputsField(body, 'inputs', true);
    refuseEmpty(inputs);
    const result = await engine.embed({
      ...common(body),
      inputs,
      param: 'inputs',
      signal: signalOf(request),
      normalize: booleanField(body, 'normalize', true),
      dimensions: optionalIntegerField(body, 'dimensions', 1, 1_000_000),
    });
    note(request, result);
    return sendJson(reply, jsonRows('[', result.embeddings, jsonFloats, ']'));
  };
  app.post('/embed', answer);
  app.post('/', answer);
}

/** The vectors of all tokens. `input_type` tells queries from documents, for late-interaction models. */
function embedAll(app: FastifyInstance, { engine }: DialectContext): void {
  app.post('/embed_all', async (request, reply) => {
    const body = objectBody(request.body);
    const texts = stringsField(body, 'inputs');
    refuseEmpty({ texts });
    const { model, truncationSide, promptName, truncate } = common(body);
    const result = await engine.tokenVectors({
      model,
      param: 'inputs',
      texts,
      truncationSide,
      promptName,
      truncate,
      purpose: purposeField(body),
      signal: signalOf(request),
    });
    note(request, result);
    return sendJson(reply, jsonMatrices(result.matrices));
  });
}

function similarities(app: FastifyInstance, { engine }: DialectContext): void {
  app.post('/similarity', async (request) => {
    const body = objectBody(request.body);
    const inputs = objectBody(given(body, 'inputs'), "Expected an object for 'inputs'");
    const sentences = stringsField(inputs, 'sentences');
    if (sentences.length === 0)
      throw new Fault('invalid', '`inputs.sentences` cannot be empty', { code: 'empty' });
    const texts = [stringField(inputs, 'source_sentence'), ...sentences];
    const result = await engine.embed({
      ...common(objectBody(given(body, 'parameters') ?? {})),
      inputs: { texts },
      param: 'inputs',
      signal: signalOf(request),
    });
    note(request, result);
    const { data, rows, dims } = result.embeddings;
    const source = { data: data.subarray(0, dims), rows: 1, dims };
    const others = { data: data.subarray(dims), rows: rows - 1, dims };
    return Array.from(similarity(source, others, { metric: 'cosine' }).data);
  });
}
