import { operations, type Paths } from './operation.js';
import { documents, rerankOutput } from './rerank.js';
import {
  body,
  boolean,
  count,
  either,
  integer,
  list,
  model,
  object,
  oneOf,
  sparse,
  string,
  strings,
  vector,
} from './schema.js';

const operation = operations(
  'DashScope',
  object({ code: string, message: string, request_id: string }, 'code message request_id'),
);
const usage = object({ total_tokens: integer }, 'total_tokens');

export const dashScopePaths: Paths = {
  '/api/v1/services/embeddings/text-embedding/text-embedding': {
    post: operation({
      summary: 'Embed texts',
      body: body(
        {
          model,
          input: object({ texts: either(string, strings) }, 'texts'),
          parameters: body({
            text_type: oneOf('query', 'document'),
            dimension: count,
            output_type: oneOf('dense', 'sparse', 'dense&sparse'),
            auto_truncation: boolean,
          }),
        },
        'model input',
      ),
      example: { model: 'all-MiniLM-L6-v2', input: { texts: ['a cat'] }, parameters: { text_type: 'query' } },
      answer: object(
        {
          output: object(
            {
              embeddings: list(
                object({ text_index: integer, embedding: vector, sparse_embedding: sparse }, 'text_index'),
              ),
            },
            'embeddings',
          ),
          usage,
          request_id: string,
        },
        'output usage request_id',
      ),
    }),
  },
  '/api/v1/services/rerank/text-rerank/text-rerank': {
    post: operation({
      summary: 'Sort documents by how well they answer a query',
      body: body(
        {
          model,
          input: object({ query: string, documents }, 'query documents'),
          parameters: body({ top_n: count, return_documents: boolean }),
        },
        'model input',
      ),
      answer: object({ output: rerankOutput, usage, request_id: string }, 'output usage request_id'),
    }),
  },
};
