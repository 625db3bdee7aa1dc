import { operations, type Paths } from './operation.js';
import { rerankAnswer, rerankBody } from './rerank.js';
import {
  body,
  boolean,
  count,
  either,
  inputs,
  integer,
  list,
  number,
  object,
  oneOf,
  optionalModel,
  said,
  sparse,
  string,
  strings,
  vector,
} from './schema.js';

const operation = operations(
  'Text Embeddings Inference',
  object({ error: string, error_type: string }, 'error error_type'),
);
const texts = either(string, strings);
const common = {
  model: optionalModel,
  truncate: boolean,
  truncation_direction: oneOf('left', 'right', 'Left', 'Right'),
  prompt_name: string,
};
const raw = said('Logits, instead of scores between 0 and 1.', boolean);
const prediction = list(object({ score: number, label: string }, 'score label'));
const token = object(
  {
    id: integer,
    text: string,
    special: boolean,
    start: either(integer, { type: 'null' }),
    stop: either(integer, { type: 'null' }),
  },
  'id text special start stop',
);

const embed = {
  body: body({ inputs, normalize: boolean, dimensions: count, ...common }, 'inputs'),
  example: { inputs: ['a cat', 'a kitten'] },
  answer: list(vector),
};

export const teiPaths: Paths = {
  '/embed': { post: operation({ summary: 'Embed texts', ...embed }) },
  '/': {
    post: operation({ summary: "Embed texts, for clients of the Hub's inference endpoints", ...embed }),
  },
  '/embed_all': {
    post: operation({
      summary: 'The vectors of all tokens',
      body: body(
        {
          inputs: texts,
          ...common,
          input_type: said('For late-interaction models. Default `document`.', oneOf('query', 'document')),
        },
        'inputs',
      ),
      answer: list(list(vector)),
    }),
  },
  '/embed_sparse': {
    post: operation({
      summary: 'Sparse vectors over the vocabulary',
      body: body({ inputs: texts, ...common }, 'inputs'),
      answer: list(sparse),
    }),
  },
  '/similarity': {
    post: operation({
      summary: 'Cosine similarity of one text with others',
      body: body(
        {
          inputs: object({ source_sentence: string, sentences: strings }, 'source_sentence sentences'),
          parameters: body(common),
        },
        'inputs',
      ),
      example: { inputs: { source_sentence: 'a cat', sentences: ['a kitten', 'a bank'] } },
      answer: list(number),
    }),
  },
  '/rerank': {
    post: operation({
      summary: 'Sort texts by how well they answer a query',
      description:
        "With `texts` Text Embeddings Inference's form, with `documents` infinity's, as at /v1/rerank.",
      body: either(
        body(
          { query: string, texts: strings, raw_scores: raw, return_text: boolean, ...common },
          'query texts',
        ),
        rerankBody,
      ),
      example: { query: 'who sleeps?', texts: ['a cat sleeps', 'rates rose'] },
      answer: either(
        list(object({ index: integer, score: number, text: string }, 'index score')),
        rerankAnswer,
      ),
    }),
  },
  '/predict': {
    post: operation({
      summary: 'Classify texts or pairs of texts',
      description: 'A string is a text, a list of two strings a pair, a list of lists a batch of these.',
      body: body(
        { inputs: either(string, list(either(string, strings))), raw_scores: raw, ...common },
        'inputs',
      ),
      answer: either(prediction, list(prediction)),
    }),
  },
  '/tokenize': {
    post: operation({
      summary: 'Tokens of texts',
      body: body(
        { inputs: texts, add_special_tokens: boolean, prompt_name: string, model: optionalModel },
        'inputs',
      ),
      answer: list(list(token)),
    }),
  },
  '/decode': {
    post: operation({
      summary: 'Texts of tokens',
      body: body(
        {
          ids: either(list(integer), list(list(integer))),
          skip_special_tokens: boolean,
          model: optionalModel,
        },
        'ids',
      ),
      answer: strings,
    }),
  },
  '/info': {
    get: operation({
      summary: 'About the first model and the limits of the server',
      answer: object(
        { model_id: string, model_type: { type: 'object' }, max_client_batch_size: integer, version: string },
        'model_id model_type max_client_batch_size version',
      ),
    }),
  },
};
