import type { Schema } from './schema.js';

/** A route as OpenAPI describes it. */
export type Operation = Record<string, unknown>;

/** Path, then method in lower case. */
export type Paths = Record<string, Record<string, Operation>>;

interface Description {
  summary: string;
  description?: string;
  body?: Schema;
  /** JSON of a good answer. */
  answer: Schema;
  /** What a body may look like. */
  example?: unknown;
  /** Names of parameters in the path. */
  parameters?: readonly string[];
  /** Needs no key. */
  open?: boolean;
}

/** Describes the routes of one dialect: how they are grouped, and what their errors look like. */
export function operations(tag: string, fault: Schema): (description: Description) => Operation {
  return ({ summary, description, body, answer, example, parameters, open }) => ({
    tags: [tag],
    summary,
    ...(description && { description }),
    ...(parameters && {
      parameters: parameters.map((name) => ({
        name,
        in: 'path',
        required: true,
        schema: { type: 'string' },
      })),
    }),
    ...(body && {
      requestBody: {
        required: true,
        content: { 'application/json': { schema: body, ...(example !== undefined && { example }) } },
      },
    }),
    responses: {
      200: json('A good answer.', answer),
      ...(!open && {
        '4XX': json('The request is wrong, has no key, or comes too soon.', fault),
        '5XX': json('The server or the model failed.', fault),
      }),
    },
    ...(open && { security: [] }),
  });
}

function json(description: string, schema: Schema): object {
  return { description, content: { 'application/json': { schema } } };
}
