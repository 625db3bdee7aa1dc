import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import {
  type Body,
  given,
  type Inputs,
  type Item,
  inputsField,
  listOf,
  objectBody,
  optionalBooleanField,
  optionalIntegerField,
  optionalStringField,
  purposeField,
  stringField,
  stringsField,
  wrong,
} from '../body.js';
import { type Fault, type FaultKind, invalid } from '../fault.js';
import { jsonFloats } from '../json-floats.js';
import { jsonBase64, jsonRows } from '../json-rows.js';
import type { PooledModel } from '../models/pooled-model.js';
import { note } from '../request.js';
import { signalOf } from '../when-ended.js';
import { type Dialect, type DialectContext, sendJson } from './dialect.js';

const TYPES: Record<FaultKind, string> = {
  invalid: 'invalid_request_error',
  unauthorized: 'invalid_request_error',
  not_found: 'invalid_request_error',
  too_large: 'invalid_request_error',
  timeout: 'invalid_request_error',
  overloaded: 'server_overloaded',
  rate_limited: 'rate_limit_error',
  unavailable: 'server_error',
  backend: 'server_error',
};

const CODES: Partial<Record<FaultKind, string>> = {
  unauthorized: 'invalid_api_key',
  rate_limited: 'rate_limit_exceeded',
  overloaded: 'server_overloaded',
};

/** `{ error: { message, type, param, code } }` */
export function openAIFault({ kind, message, param, code }: Fault): object {
  return { error: { message, type: TYPES[kind], param: param ?? null, code: code ?? CODES[kind] ?? null } };
}

/** OpenAI's embeddings and models, also where compatible servers have them. */
export const openAI: Dialect = {
  name: 'openai',
  faultBody: openAIFault,
  routes(app, context) {
    for (const path of ['/v1/embeddings', '/embeddings', '/compatible-mode/v1/embeddings']) {
      app.post(path, (request, reply) => embeddings(context, request, reply));
    }
    for (const prefix of ['/v1', '']) models(app, prefix, context);
  },
};

function models(app: FastifyInstance, prefix: string, { engine }: DialectContext): void {
  app.get(`${prefix}/models`, async () => ({
    object: 'list',
    data: await Promise.all(engine.pool.models.map(describeModel)),
  }));
  // A model's name may have a slash in it.
  app.get<{ Params: { '*': string } }>(`${prefix}/models/*`, ({ params }) =>
    describeModel(engine.pool.named(params['*'])),
  );
}

async function describeModel(model: PooledModel): Promise<object> {
  const { name, created } = model;
  // A model that cannot be reached is still one that the server offers.
  const capabilities = await model.capabilities().catch(() => []);
  return {
    id: name,
    object: 'model',
    created: Math.floor(created.getTime() / 1000),
    owned_by: 'embedlane',
    capabilities,
  };
}

async function embeddings({ engine }: DialectContext, request: FastifyRequest, reply: FastifyReply) {
  const body = objectBody(request.body);
  const model = stringField(body, 'model');
  const inputs = inputsOf(body);
  if (listOf(inputs).length === 0) throw invalid('input', "'input' cannot be an empty array");
  const empty = 'texts' in inputs ? inputs.texts.indexOf('') : -1;
  if (empty >= 0) throw invalid('input', `'input[${empty}]' cannot be an empty string`);
  // Infinity's client, which asks here, sends 0 for the model's own.
  const fewest = request.routeOptions.url === '/embeddings' ? 0 : 1;
  const dimensions = optionalIntegerField(body, 'dimensions', fewest, 1_000_000) || undefined;
  const encoding = encodingFormat(body);

  const result = await engine.embed({
    model,
    inputs,
    param: 'input',
    dimensions,
    normalize: optionalBooleanField(body, 'normalized'),
    purpose: purposeField(body),
    signal: signalOf(request),
  });
  note(request, result);
  const item = (row: Float32Array, index: number) =>
    `{"object":"embedding","index":${index},"embedding":${encoding(row)}}`;
  const usage = `{"prompt_tokens":${result.tokens},"total_tokens":${result.tokens}}`;
  const tail = `],"model":${JSON.stringify(model)},"usage":${usage}}`;
  return sendJson(reply, jsonRows('{"object":"list","data":[', result.embeddings, item, tail));
}

/** Infinity's `modality` says what the strings are; Jina's objects say it themselves. */
function inputsOf(body: Body): Inputs {
  const modality = optionalStringField(body, 'modality') ?? 'text';
  if (modality === 'text') return inputsField(body, 'input');
  if (modality !== 'image' && modality !== 'audio') {
    throw wrong('modality', "'text', 'image' or 'audio'", modality);
  }
  return { items: stringsField(body, 'input').map((content) => ({ [modality]: content }) as Item) };
}

function encodingFormat(body: Body): (row: Float32Array) => string {
  const format = given(body, 'encoding_format') ?? 'float';
  if (format === 'float') return jsonFloats;
  if (format === 'base64') return jsonBase64;
  const shown = typeof format === 'string' ? format.slice(0, 60) : typeof format;
  throw invalid(
    'encoding_format',
    `Invalid value for 'encoding_format' = ${shown}. Supported values: ['float', 'base64'].`,
  );
}
