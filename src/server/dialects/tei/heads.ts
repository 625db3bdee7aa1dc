import type { FastifyInstance } from 'fastify';
import {
  type Body,
  booleanField,
  given,
  objectBody,
  optionalStringField,
  stringField,
  stringsField,
  wrong,
} from '../../body.js';
import { Fault } from '../../fault.js';
import { jsonList, jsonSparse, SPARSE_AT_A_TIME } from '../../json-rows.js';
import { note } from '../../request.js';
import { signalOf } from '../../when-ended.js';
import { type DialectContext, sendJson } from '../dialect.js';
import { common, refuseEmpty } from './fields.js';

/** `/predict` and `/embed_sparse`. `/rerank` has other dialects too. */
export function heads(app: FastifyInstance, context: DialectContext): void {
  predict(app, context);
  embedSparse(app, context);
}

/** Answers Text Embeddings Inference's form of `/rerank`, whose documents are `texts`. */
export async function rerankTexts(
  { engine }: DialectContext,
  request: Parameters<typeof note>[0],
): Promise<object[]> {
  const body = objectBody(request.body);
  const documents = stringsField(body, 'texts');
  if (documents.length === 0) throw new Fault('invalid', '`texts` cannot be empty', { code: 'empty' });
  checkTruncation(body);
  const result = await engine.rank({
    model: optionalStringField(body, 'model'),
    param: 'texts',
    documents,
    query: stringField(body, 'query'),
    raw: booleanField(body, 'raw_scores', false),
    signal: signalOf(request),
  });
  note(request, result);
  const withText = booleanField(body, 'return_text', false);
  return result.ranked.map(({ corpusId, score }) => ({
    index: corpusId,
    score,
    ...(withText && { text: documents[corpusId] }),
  }));
}

function predict(app: FastifyInstance, { engine }: DialectContext): void {
  app.post('/predict', async (request) => {
    const body = objectBody(request.body);
    const { inputs, single } = sequences(given(body, 'inputs'), (count) =>
      engine.checkCount('inputs', count),
    );
    checkTruncation(body);
    const result = await engine.classify({
      model: optionalStringField(body, 'model'),
      param: 'inputs',
      inputs,
      raw: booleanField(body, 'raw_scores', false),
      signal: signalOf(request),
    });
    note(request, result);
    const answers = result.scores.map((scores) =>
      result.labels.map((label, i) => ({ score: scores[i], label })).sort((a, b) => b.score - a.score),
    );
    return single ? answers[0] : answers;
  });
}

/** `"a"` is a text, `["a", "b"]` a pair, `[["a"], ["a", "b"]]` a list of texts and pairs. */
function sequences(
  value: unknown,
  checkCount: (count: number) => void,
): { inputs: ([string] | [string, string])[]; single: boolean } {
  const single = typeof value === 'string' || (Array.isArray(value) && typeof value[0] === 'string');
  const list: unknown[] = single ? [[value].flat()] : Array.isArray(value) ? value : [];
  if (list.length === 0) {
    if (Array.isArray(value)) throw new Fault('invalid', '`inputs` cannot be empty', { code: 'empty' });
    throw wrong('inputs', 'a text, a pair of texts, or a list of these', value);
  }
  checkCount(list.length);
  const inputs = list.map((item, i) => {
    const texts = [item].flat();
    const valid =
      (texts.length === 1 || texts.length === 2) && texts.every((text) => typeof text === 'string');
    if (!valid) throw wrong(single ? 'inputs' : `inputs[${i}]`, 'a text or a pair of texts', item);
    return texts as [string] | [string, string];
  });
  return { inputs, single };
}

function embedSparse(app: FastifyInstance, { engine }: DialectContext): void {
  app.post('/embed_sparse', async (request, reply) => {
    const body = objectBody(request.body);
    const texts = stringsField(body, 'inputs');
    refuseEmpty({ texts });
    checkTruncation(body);
    const { model, promptName } = common(body);
    const result = await engine.sparse({
      model,
      param: 'inputs',
      texts,
      promptName,
      signal: signalOf(request),
    });
    note(request, result);
    const item = (i: number) => jsonSparse(result.vectors[i]);
    return sendJson(reply, jsonList('[', texts.length, SPARSE_AT_A_TIME, item, ']'));
  });
}

/** These models always cut, and always on the side that their tokenizer says. */
function checkTruncation(body: Body): void {
  const { truncate, truncationSide } = common(body);
  if (!truncate) throw wrong('truncate', 'true for a model of this kind', truncate);
  if (truncationSide === 'left')
    throw wrong('truncation_direction', "'right' for a model of this kind", 'left');
}
