/** A JSON Schema, as far as the routes need it. */
export type Schema = Record<string, unknown>;

export const string: Schema = { type: 'string' };
export const boolean: Schema = { type: 'boolean' };
export const number: Schema = { type: 'number' };
export const integer: Schema = { type: 'integer' };
export const count: Schema = { type: 'integer', minimum: 1 };
export const vector: Schema = { type: 'array', items: number };
export const strings: Schema = { type: 'array', items: string };

export function list(items: Schema, more: Schema = {}): Schema {
  return { type: 'array', items, ...more };
}

export function either(...anyOf: Schema[]): Schema {
  return { anyOf };
}

export function oneOf(...values: (string | boolean | number)[]): Schema {
  return { enum: values };
}

/** An object; `required` is a list of names, separated by spaces. Clients may send more than is listed. */
export function object(properties: Record<string, Schema>, required = ''): Schema {
  const names = required.split(' ').filter(Boolean);
  return { type: 'object', properties, ...(names.length > 0 && { required: names }) };
}

/** An object that a client sends: null for what is not required means that it is not given. */
export function body(properties: Record<string, Schema>, required = ''): Schema {
  const names = required.split(' ');
  const fields = Object.entries(properties).map(([name, schema]) => [
    name,
    names.includes(name) ? schema : orNull(schema),
  ]);
  return object(Object.fromEntries(fields), required);
}

function orNull(schema: Schema): Schema {
  if (Array.isArray(schema.anyOf)) return { ...schema, anyOf: [...schema.anyOf, { type: 'null' }] };
  if (Array.isArray(schema.enum)) return { ...schema, enum: [...schema.enum, null] };
  return { ...schema, type: [schema.type, 'null'] };
}

/** A sparse vector. */
export const sparse = list(object({ index: integer, value: number }, 'index value'));

/** The same schema with words to it. */
export function said(description: string, schema: Schema): Schema {
  return { ...schema, description };
}

/** A text, a list of texts, a list of token ids, or a list of such lists. */
export const inputs: Schema = either(string, strings, list(integer), list(list(integer)));

export const model = said('Which model; any of its names.', string);

export const optionalModel = said('Which model. Default: the first that can do this.', string);
