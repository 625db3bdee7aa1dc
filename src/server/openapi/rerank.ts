import { operations, type Paths } from './operation.js';
import {
  body,
  boolean,
  count,
  either,
  integer,
  list,
  model,
  number,
  object,
  oneOf,
  optionalModel,
  said,
  string,
} from './schema.js';

const jina = operations('Reranking', object({ detail: string }, 'detail'));
const cohere = operations('Reranking', object({ message: string }, 'message'));

export const documents = list(either(string, object({ text: string }, 'text')), { minItems: 1 });
const result = object(
  { index: integer, relevance_score: number, document: object({ text: string }, 'text') },
  'index relevance_score',
);
const usage = object({ total_tokens: integer }, 'total_tokens');

export const rerankBody = body(
  {
    model: optionalModel,
    query: string,
    documents,
    top_n: said('How many of the best to return. Default: all.', count),
    top_k: said("The same in Voyage's words.", count),
    return_documents: boolean,
    raw_scores: said('Logits, instead of scores between 0 and 1.', boolean),
  },
  'query documents',
);

export const rerankAnswer = object(
  {
    object: oneOf('list', 'rerank'),
    model: string,
    usage,
    results: list(result),
    data: said(
      "The same for Voyage's clients.",
      list(object({ index: integer, relevance_score: number, document: string }, 'index relevance_score')),
    ),
  },
  'object model usage results data',
);

/** Of rerankers with DashScope's words around them. */
export const rerankOutput = object({ results: list(result) }, 'results');

const example = { query: 'who sleeps?', documents: ['a cat sleeps', 'rates rose'], top_n: 1 };

export const rerankPaths: Paths = {
  '/v1/rerank': {
    post: jina({
      summary: 'Sort documents by how well they answer a query (Jina, infinity, Voyage)',
      body: rerankBody,
      answer: rerankAnswer,
      example,
    }),
  },
  '/v2/rerank': {
    post: cohere({
      summary: 'Sort documents by how well they answer a query (Cohere)',
      body: body(
        { model, query: string, documents, top_n: count, return_documents: boolean },
        'query documents',
      ),
      answer: object({ id: string, results: list(result), meta: { type: 'object' } }, 'id results meta'),
      example,
    }),
  },
};
