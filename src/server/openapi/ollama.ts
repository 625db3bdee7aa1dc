import { operations, type Paths } from './operation.js';
import {
  body,
  boolean,
  either,
  integer,
  list,
  model,
  number,
  object,
  said,
  string,
  strings,
  vector,
} from './schema.js';

const operation = operations('Ollama', object({ error: string }, 'error'));

const keepAlive = said(
  'How long the model stays loaded after this: seconds or a duration such as `5m`; negative for ever.',
  either(number, string),
);
const entry = {
  name: string,
  model: string,
  modified_at: string,
  size: said("Bytes of the model's files on the server.", integer),
  digest: string,
  details: object({
    parent_model: string,
    format: string,
    family: string,
    families: strings,
    parameter_size: string,
    quantization_level: string,
  }),
};
const names = 'name model modified_at size digest details';

const shown = {
  model: string,
  name: said('The same in the words of older clients.', string),
  verbose: boolean,
};

export const ollamaPaths: Paths = {
  '/api/embed': {
    post: operation({
      summary: 'Embed texts, scaled to length 1',
      body: body(
        {
          model,
          input: either(string, strings),
          truncate: boolean,
          dimensions: integer,
          keep_alive: keepAlive,
          options: { type: 'object' },
        },
        'model',
      ),
      example: { model: 'all-MiniLM-L6-v2', input: ['a cat', 'a kitten'] },
      answer: object(
        {
          model: string,
          embeddings: list(vector),
          total_duration: integer,
          load_duration: integer,
          prompt_eval_count: integer,
        },
        'model embeddings total_duration load_duration prompt_eval_count',
      ),
    }),
  },
  '/api/embeddings': {
    post: operation({
      summary: 'Embed one text (the route before /api/embed)',
      body: body({ model, prompt: string, keep_alive: keepAlive, options: { type: 'object' } }, 'model'),
      answer: object({ embedding: vector }, 'embedding'),
    }),
  },
  '/api/version': {
    get: operation({ summary: 'Version of the server', answer: object({ version: string }, 'version') }),
  },
  '/api/tags': {
    get: operation({
      summary: 'The models that embed texts',
      answer: object({ models: list(object(entry, names)) }, 'models'),
    }),
  },
  '/api/ps': {
    get: operation({
      summary: 'Those that are loaded',
      answer: object(
        {
          models: list(
            object({ ...entry, expires_at: string, size_vram: integer }, `${names} expires_at size_vram`),
          ),
        },
        'models',
      ),
    }),
  },
  '/api/show': {
    post: operation({
      summary: 'What is known of a model',
      body: either(body(shown, 'model'), body(shown, 'name')),
      answer: object(
        {
          modelfile: string,
          parameters: string,
          template: string,
          modified_at: string,
          details: entry.details,
          model_info: { type: 'object' },
          capabilities: strings,
        },
        'details model_info capabilities',
      ),
    }),
  },
};
