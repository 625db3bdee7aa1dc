import { CAPABILITIES } from '../models/kinds.js';
import { operations, type Paths } from './operation.js';
import {
  body,
  boolean,
  count,
  either,
  inputs,
  integer,
  list,
  model,
  object,
  oneOf,
  said,
  string,
  vector,
} from './schema.js';

const fault = object(
  {
    error: object(
      {
        message: string,
        type: string,
        param: either(string, { type: 'null' }),
        code: either(string, { type: 'null' }),
      },
      'message type param code',
    ),
  },
  'error',
);
const operation = operations('OpenAI', fault);

const item = either(
  string,
  object({ text: string }, 'text'),
  object({ image: said('A data URI, base64, or a URL of a host that the model allows.', string) }, 'image'),
  object({ audio: said('A data URI, or base64.', string) }, 'audio'),
);

const embeddings = operation({
  summary: 'Embed texts, pictures, or sounds',
  description:
    "Texts, token ids of the model's own vocabulary, or Jina's objects with `text`, `image` and `audio` for models of " +
    'pictures and sounds.',
  body: body(
    {
      model,
      input: either(inputs, item, list(item)),
      dimensions: said('Keep the first so many dimensions, scaled to length 1 again.', count),
      encoding_format: said(
        '`base64`: little-endian 32-bit floats. Default `float`.',
        oneOf('float', 'base64'),
      ),
      modality: said(
        "Infinity's word for what strings are. Default `text`.",
        oneOf('text', 'image', 'audio'),
      ),
      normalized: said(
        'Scale to length 1. Default: texts as the model does, those of models of pictures and sounds true.',
        boolean,
      ),
      input_type: said("Which of the model's prompts: Voyage's and Cohere's word.", string),
      task: said('The same in the words of Jina.', string),
      user: string,
    },
    'model input',
  ),
  example: { model: 'all-MiniLM-L6-v2', input: ['a cat', 'a kitten'] },
  answer: object(
    {
      object: { const: 'list' },
      data: list(
        object(
          { object: { const: 'embedding' }, index: integer, embedding: either(vector, string) },
          'object index embedding',
        ),
      ),
      model: string,
      usage: object({ prompt_tokens: integer, total_tokens: integer }, 'prompt_tokens total_tokens'),
    },
    'object data model usage',
  ),
});

const described = object(
  {
    id: string,
    object: { const: 'model' },
    created: integer,
    owned_by: string,
    capabilities: list(oneOf(...new Set(Object.values(CAPABILITIES).flat()))),
  },
  'id object created owned_by capabilities',
);
const models = operation({
  summary: 'The models and what they can do',
  answer: object({ object: { const: 'list' }, data: list(described) }, 'object data'),
});
const oneModel = operation({
  summary: 'One model',
  description: 'The name may have slashes in it.',
  parameters: ['model'],
  answer: described,
});

export const openAIPaths: Paths = {
  '/v1/embeddings': { post: embeddings },
  '/embeddings': { post: embeddings },
  '/compatible-mode/v1/embeddings': { post: embeddings },
  '/v1/models': { get: models },
  '/models': { get: models },
  '/v1/models/{model}': { get: oneModel },
  '/models/{model}': { get: oneModel },
};
