import { availableParallelism } from 'node:os';
import type { FastifyInstance } from 'fastify';
import type { Tokenized } from '../../text/index.js';
import { similarity } from '../../vectors/index.js';
import {
  type Body,
  booleanField,
  given,
  type Inputs,
  inputsField,
  objectBody,
  optionalIntegerField,
  optionalStringField,
  stringField,
  stringsField,
  tokenIds,
  wrong,
} from '../body.js';
import type { EmbedRequest } from '../engine.js';
import { Fault, type FaultKind } from '../fault.js';
import { jsonMatrices, jsonNumbers, jsonRows } from '../json-rows.js';
import { note, signalOf } from '../request.js';
import { type Dialect, type DialectContext, sendJson } from './dialect.js';

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
    embed(app, context);
    embedAll(app, context);
    similarities(app, context);
    tokens(app, context);
    app.get('/info', () => info(context));
  },
};

function embed(app: FastifyInstance, { engine }: DialectContext): void {
  app.post('/embed', async (request, reply) => {
    const body = objectBody(request.body);
    const inputs = inputsField(body, 'inputs');
    refuseEmpty(inputs);
    const result = await engine.embed({
      ...{ ...common(body), inputs, param: 'inputs', signal: signalOf(request) },
      normalize: booleanField(body, 'normalize', true),
      dimensions: optionalIntegerField(body, 'dimensions', 1, 1_000_000),
    });
    note(request, result);
    return sendJson(reply, jsonRows('[', result.embeddings, jsonNumbers, ']'));
  });
}

/** The vectors of all tokens, as the model makes them. */
function embedAll(app: FastifyInstance, { engine }: DialectContext): void {
  app.post('/embed_all', async (request, reply) => {
    const body = objectBody(request.body);
    const texts = stringsField(body, 'inputs');
    refuseEmpty({ texts });
    engine.checkCount('inputs', texts);
    const { model: name, truncationSide, promptName } = common(body);
    const lists = await engine.use(name, (model) =>
      model.encode(texts, {
        ...{ output: 'token', signal: signalOf(request) },
        ...(truncationSide && { truncationSide }),
        ...(promptName && { promptName }),
      }),
    );
    return sendJson(reply, jsonMatrices(lists));
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
      ...{ inputs: { texts }, param: 'inputs', signal: signalOf(request) },
    });
    note(request, result);
    const { data, rows, dims } = result.embeddings;
    const source = { data: data.subarray(0, dims), rows: 1, dims };
    const others = { data: data.subarray(dims), rows: rows - 1, dims };
    return Array.from(similarity(source, others, { metric: 'cosine' }).data);
  });
}

function tokens(app: FastifyInstance, { engine }: DialectContext): void {
  app.post('/tokenize', async (request) => {
    const body = objectBody(request.body);
    const texts = stringsField(body, 'inputs');
    refuseEmpty({ texts });
    engine.checkCount('inputs', texts);
    const special = booleanField(body, 'add_special_tokens', true);
    return engine.use(optionalStringField(body, 'model'), async (model) =>
      (await model.tokenize(texts)).map((tokenized, i) => describeTokens(texts[i], tokenized, special)),
    );
  });
  app.post('/decode', async (request) => {
    const body = objectBody(request.body);
    const ids = given(body, 'ids');
    if (!Array.isArray(ids) || ids.length === 0)
      throw wrong('ids', 'a list of token ids, or of such lists', ids);
    const lists = (Array.isArray(ids[0]) ? ids : [ids]).map((list, i) => tokenIds(`ids[${i}]`, list));
    engine.checkCount('ids', lists);
    const skipSpecialTokens = booleanField(body, 'skip_special_tokens', true);
    return engine.use(optionalStringField(body, 'model'), (model) =>
      model.decode(lists, { skipSpecialTokens }),
    );
  });
}

function describeTokens(text: string, { ids, tokens, offsets }: Tokenized, withSpecial: boolean): object[] {
  const described = ids.map((id, i) => {
    const [start, stop] = offsets[i];
    // Special tokens stand for no part of the text.
    const special = start === stop;
    return special
      ? { id, text: tokens[i], special, start: null, stop: null }
      : { id, text: text.slice(start, stop), special, start, stop };
  });
  return withSpecial ? described : described.filter(({ special }) => !special);
}

async function info({ engine, version }: DialectContext): Promise<object> {
  return engine.use(undefined, async (model, { name, served }) => ({
    model_id: name,
    model_sha: null,
    model_dtype: served.dtype ?? 'auto',
    served_model_name: name,
    model_type: { embedding: {} },
    max_concurrent_requests: engine.limits.maxConcurrentRequests,
    max_input_length: Number.isFinite(model.maxTokens) ? model.maxTokens : null,
    max_batch_tokens: served.tokenBudget ?? null,
    max_batch_requests: null,
    max_client_batch_size: engine.limits.maxInputs,
    auto_truncate: true,
    tokenization_workers: availableParallelism(),
    version,
    sha: null,
    docker_label: null,
  }));
}

function common(body: Body): Pick<EmbedRequest, 'model' | 'truncate' | 'truncationSide' | 'promptName'> {
  return {
    model: optionalStringField(body, 'model'),
    truncate: booleanField(body, 'truncate', true),
    truncationSide: sideOf(body),
    promptName: optionalStringField(body, 'prompt_name'),
  };
}

function sideOf(body: Body): 'left' | 'right' | undefined {
  const side = optionalStringField(body, 'truncation_direction')?.toLowerCase();
  if (side === undefined || side === 'left' || side === 'right') return side;
  throw wrong('truncation_direction', "'left' or 'right'", side);
}

function refuseEmpty(inputs: Inputs): void {
  const list = 'texts' in inputs ? inputs.texts : inputs.ids;
  if (list.length === 0 || ('texts' in inputs && inputs.texts.includes(''))) {
    throw new Fault('invalid', '`inputs` cannot be empty', { code: 'empty' });
  }
}
