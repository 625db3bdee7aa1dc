import { createHash } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Body, booleanField, given, objectBody, optionalStringField, stringField } from '../body.js';
import type { EmbedResponse } from '../engine/engine.js';
import { Fault } from '../fault.js';
import { jsonFloats } from '../json-floats.js';
import { jsonRows } from '../json-rows.js';
import type { ModelClasses } from '../models/kinds.js';
import type { PooledModel } from '../models/pooled-model.js';
import { note } from '../request.js';
import { signalOf } from '../when-ended.js';
import { type Dialect, type DialectContext, sendJson } from './dialect.js';

const NANOSECONDS = 1e6;

/** Clients look up `<architecture>.embedding_length`; which family it is, they show at most. */
const ARCHITECTURE = 'onnx';

/** Ollama's native API, as far as it is about embeddings. */
export const ollama: Dialect = {
  name: 'ollama',
  faultBody: ({ message, code }) => {
    if (code === 'model_not_found')
      return { error: message.replace(/^The model (.*) does not exist$/, 'model $1 not found') };
    if (code === 'context_length_exceeded') return { error: 'the input length exceeds the context length' };
    return { error: message };
  },
  routes(app, context) {
    embed(app, context);
    legacyEmbed(app, context);
    app.get('/api/version', () => ({ version: context.version }));
    app.get('/api/tags', async () => ({
      models: await Promise.all((await embedders(context)).map(describeModel)),
    }));
    app.get('/api/ps', async () => ({
      models: await Promise.all((await embedders(context)).filter(({ loaded }) => loaded).map(running)),
    }));
    app.post('/api/show', (request) => show(context, request));
  },
};

function embed(app: FastifyInstance, { engine }: DialectContext): void {
  app.post('/api/embed', async (request, reply) => {
    const start = performance.now();
    const body = objectBody(request.body, 'missing request body');
    const model = modelOf(body);
    const result = await engine.embed({
      model,
      inputs: { texts: inputsOf(body) },
      param: 'input',
      normalize: true,
      dimensions: dimensionsOf(body),
      strictDimensions: false,
      truncate: booleanField(body, 'truncate', true),
      keepAlive: keepAliveOf(body),
      signal: signalOf(request),
    });
    note(request, result);
    const tail = {
      total_duration: Math.round((performance.now() - start) * NANOSECONDS),
      load_duration: Math.round(result.loadTime * NANOSECONDS),
      prompt_eval_count: result.tokens,
    };
    const head = `{"model":${JSON.stringify(model)},"embeddings":[`;
    return sendJson(
      reply,
      jsonRows(head, result.embeddings, jsonFloats, `],${JSON.stringify(tail).slice(1)}`),
    );
  });
}

/** The route before `/api/embed`: one text, vectors as the model makes them. */
function legacyEmbed(app: FastifyInstance, { engine }: DialectContext): void {
  app.post('/api/embeddings', async (request, reply) => {
    const body = objectBody(request.body, 'missing request body');
    const prompt = optionalStringField(body, 'prompt') ?? '';
    const result: EmbedResponse = await engine.embed({
      model: modelOf(body),
      inputs: { texts: prompt === '' ? [] : [prompt] },
      param: 'prompt',
      keepAlive: keepAliveOf(body),
      signal: signalOf(request),
    });
    note(request, result);
    const { embeddings } = result;
    return sendJson(reply, `{"embedding":${embeddings.rows === 0 ? '[]' : jsonFloats(embeddings.row(0))}}`);
  });
}

async function show({ engine }: DialectContext, request: FastifyRequest): Promise<object> {
  const body = objectBody(request.body, 'missing request body');
  const pooled = await engine.pool.find(optionalStringField(body, 'name') ?? modelOf(body), 'embed');
  const { dimensions, maxTokens } = await pooled.use(
    // A question about a model is no use of it: what its clients have set stays.
    pooled.keepAlive ?? engine.limits.keepAlive,
    async ({ model }) => model as Pick<ModelClasses['text' | 'clip'], 'dimensions' | 'maxTokens'>,
  );
  return {
    modelfile: `FROM ${pooled.name}\n`,
    parameters: '',
    template: '{{ .Prompt }}',
    details: details(pooled),
    model_info: {
      'general.architecture': ARCHITECTURE,
      [`${ARCHITECTURE}.embedding_length`]: dimensions,
      ...(Number.isFinite(maxTokens) && { [`${ARCHITECTURE}.context_length`]: maxTokens }),
    },
    capabilities: ['embedding'],
    modified_at: pooled.created.toISOString(),
  };
}

/** The models that Ollama's clients can use. */
async function embedders({ engine }: DialectContext): Promise<PooledModel[]> {
  const able = await Promise.all(
    engine.pool.models.map(async (model) => {
      const capabilities = await model.capabilities().catch(() => []);
      return (capabilities as readonly string[]).includes('embed');
    }),
  );
  return engine.pool.models.filter((_, i) => able[i]);
}

async function describeModel(model: PooledModel): Promise<object> {
  const name = model.name.includes(':') ? model.name : `${model.name}:latest`;
  return {
    name,
    model: name,
    modified_at: model.created.toISOString(),
    size: await model.size(),
    digest: createHash('sha256')
      .update(`${model.name} ${model.served.dtype ?? 'auto'}`)
      .digest('hex'),
    details: details(model),
  };
}

async function running(model: PooledModel): Promise<object> {
  const expires = new Date(model.expires ?? Date.UTC(2318, 0, 1));
  return { ...(await describeModel(model)), expires_at: expires.toISOString(), size_vram: 0 };
}

function details({ served }: PooledModel): object {
  return {
    parent_model: '',
    format: 'onnx',
    family: ARCHITECTURE,
    families: [ARCHITECTURE],
    parameter_size: '',
    quantization_level: (served.dtype ?? 'auto').toUpperCase(),
  };
}

function modelOf(body: Body): string {
  const model = stringField(body, 'model');
  if (model === '') throw new Fault('invalid', 'model is required', { param: 'model' });
  return model;
}

/** A text or texts; a missing or empty input only loads the model. */
function inputsOf(body: Body): string[] {
  const input = given(body, 'input');
  if (input === undefined || input === '') return [];
  if (typeof input === 'string') return [input];
  if (Array.isArray(input) && input.every((text) => typeof text === 'string')) return input;
  throw new Fault('invalid', 'invalid input type: expected a string or a list of strings', {
    param: 'input',
  });
}

function dimensionsOf(body: Body): number | undefined {
  const value = given(body, 'dimensions');
  if (value === undefined || value === 0) return undefined;
  if (typeof value === 'number' && Number.isInteger(value) && value > 0) return value;
  throw new Fault('invalid', 'dimensions must be a positive integer', { param: 'dimensions' });
}

const UNITS: Record<string, number> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};
const AMOUNT = '(\\d+(?:\\.\\d*)?|\\.\\d+)(ns|us|µs|μs|ms|s|m|h)';
const DURATION = new RegExp(`^[+-]?(${AMOUNT})+$`);

/** Seconds as a number, or a Go duration such as `5m` or `1h30m`; negative means for ever. */
function keepAliveOf(body: Body): number | undefined {
  const value = given(body, 'keep_alive');
  if (value === undefined) return undefined;
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
  let milliseconds = text.trim() === '' ? Number.NaN : Number(text) * 1000;
  if (Number.isNaN(milliseconds) && DURATION.test(text)) {
    milliseconds = 0;
    for (const [, amount, unit] of text.matchAll(new RegExp(AMOUNT, 'g')))
      milliseconds += Number(amount) * UNITS[unit];
    if (text.startsWith('-')) milliseconds = -1;
  }
  if (Number.isNaN(milliseconds)) {
    throw new Fault('invalid', `time: invalid duration ${JSON.stringify(text.slice(0, 60))}`, {
      param: 'keep_alive',
    });
  }
  return milliseconds < 0 ? Number.POSITIVE_INFINITY : milliseconds;
}
