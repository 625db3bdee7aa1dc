import type { FastifyRequest } from 'fastify';
import {
  type Body,
  booleanField,
  given,
  objectBody,
  optionalIntegerField,
  optionalStringField,
  stringField,
  wrong,
} from '../body.js';
import type { RankRequest, Usage } from '../engine/engine.js';
import { invalid } from '../fault.js';
import { note } from '../request.js';
import { signalOf } from '../when-ended.js';
import type { Dialect, DialectContext } from './dialect.js';
import { usageHeaders } from './tei/fields.js';
import { rerankTexts } from './tei/heads.js';
import { tei } from './tei/index.js';

const MAX_DOCUMENTS = 1_000_000;

/** A document and its score, in no dialect yet. */
interface Ranked {
  index: number;
  relevance_score: number;
  text: string;
}

interface Reranking extends Usage {
  results: Ranked[];
  /** Whether the client wants the documents back. */
  withDocuments: boolean;
}

/** The route of Jina, infinity and Voyage. */
export const jinaRerank: Dialect = {
  name: 'jina',
  faultBody: ({ message }) => ({ detail: message }),
  routes(app, context) {
    app.post('/v1/rerank', (request) => superset(context, request, 'list'));
  },
};

/** Cohere's second version. */
export const cohereRerank: Dialect = {
  name: 'cohere',
  faultBody: ({ message }, requestId) => ({ id: requestId, message }),
  routes(app, context) {
    app.post('/v2/rerank', async (request) => {
      const { results, withDocuments } = await rerank(context, request, objectBody(request.body), ['top_n']);
      return {
        id: request.id,
        results: results.map(withText(withDocuments)),
        meta: { api_version: { version: '2' }, billed_units: { search_units: 1 } },
      };
    });
  },
};

/** The path that Text Embeddings Inference and infinity share: they name the documents differently. */
export const plainRerank: Dialect = {
  ...tei,
  name: 'rerank',
  routes(app, context) {
    usageHeaders(app);
    app.post('/rerank', (request) => {
      const body = objectBody(request.body);
      return given(body, 'documents') === undefined
        ? rerankTexts(context, request)
        : superset(context, request, 'rerank');
    });
  },
};

/** Jina's and infinity's clients read `results`, Voyage's `data`; infinity's, at `/rerank`, insist on its `object`. */
async function superset(
  context: DialectContext,
  request: FastifyRequest,
  object: 'list' | 'rerank',
): Promise<object> {
  const body = objectBody(request.body);
  const { results, withDocuments, model, tokens } = await rerank(context, request, body, ['top_n', 'top_k']);
  return {
    object,
    model: optionalStringField(body, 'model') ?? model.name,
    id: request.id,
    created: Math.floor(Date.now() / 1000),
    results: results.map(withText(withDocuments)),
    data: results.map(({ text, ...result }) => ({ ...result, ...(withDocuments && { document: text }) })),
    usage: { total_tokens: tokens, prompt_tokens: tokens },
  };
}

/** A result with or without its document, as most write it. */
export function withText(wanted: boolean): (ranked: Ranked) => object {
  return ({ text, ...result }) => (wanted ? { ...result, document: { text } } : result);
}

/** @param limits names of the field for how many documents to return */
function rerank(
  context: DialectContext,
  request: FastifyRequest,
  body: Body,
  limits: readonly string[],
): Promise<Reranking> {
  return rerankDocuments(context, request, {
    model: optionalStringField(body, 'model'),
    param: 'documents',
    query: stringField(body, 'query'),
    documents: documentsField(body, 'documents'),
    topK: limits
      .map((limit) => optionalIntegerField(body, limit, 1, MAX_DOCUMENTS))
      .find((limit) => limit !== undefined),
    raw: booleanField(body, 'raw_scores', false),
    withDocuments: booleanField(body, 'return_documents', false),
  });
}

/** Ranks documents and notes what it took. */
export async function rerankDocuments(
  { engine }: DialectContext,
  request: FastifyRequest,
  wanted: Omit<RankRequest, 'signal'> & { withDocuments: boolean },
): Promise<Reranking> {
  const { documents, param, withDocuments } = wanted;
  if (documents.length === 0) throw invalid(param, `'${param}' cannot be empty`);
  const { ranked, ...usage } = await engine.rank({ ...wanted, signal: signalOf(request) });
  note(request, usage);
  const results = ranked.map(({ corpusId, score }) => ({
    index: corpusId,
    relevance_score: score,
    text: documents[corpusId],
  }));
  return { ...usage, results, withDocuments };
}

/** Strings, or objects with a `text`. */
export function documentsField(body: Body, name: string): string[] {
  const value = given(body, name);
  if (value === undefined) throw invalid(name, `Missing required parameter: '${name}'`);
  if (!Array.isArray(value)) throw wrong(name, 'a list of documents', value);
  return value.map((item: unknown, i) => {
    const text = item !== null && typeof item === 'object' ? (item as Body).text : item;
    if (typeof text !== 'string') throw wrong(`${name}[${i}]`, "a string or an object with 'text'", item);
    return text;
  });
}
