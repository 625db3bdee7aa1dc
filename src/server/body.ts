import { isUtf8 } from 'node:buffer';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { describe } from '../core/errors.js';
import { LARGE_JSON, parseLargeJson } from '../core/large-json.js';
import { Fault, invalid } from './fault.js';
import { stateOf } from './request.js';

/** Texts, lists and objects of a large body: an input has up to four, an object with two fields in a list. */
const VALUES_PER_INPUT = 8;
const MIN_VALUES = 100_000;

/** A JSON body after parsing: nothing about it is known. */
export type Body = Record<string, unknown>;

/**
 * Reads every body as JSON, whatever its content type says: `curl -d` says form data, and clients of Ollama are
 * used to that. Compressed bodies are refused, so that there is no bomb to unpack.
 */
export function parseBodies(app: FastifyInstance, maxInputs: number): void {
  app.removeAllContentTypeParsers();
  const parse = jsonParser(app);
  const maxValues = Math.max(MIN_VALUES, maxInputs * VALUES_PER_INPUT);
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (request, content, done) => {
    const bytes = content as Buffer;
    stateOf(request).arrived?.(bytes.length);
    const encoding = request.headers['content-encoding'];
    if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
      done(new Fault('invalid', `Content encoding '${encoding}' is not supported`, { status: 415 }));
    } else if (!isUtf8(bytes)) {
      done(new Fault('invalid', 'The request body is not valid UTF-8'));
    } else if (bytes.length === 0) {
      done(null, undefined);
    } else if (bytes.length > LARGE_JSON) {
      parseLargeJson(bytes, parse, maxValues).then(
        (body) => done(null, body),
        (cause) => done(cause instanceof RangeError ? tooMany(maxValues) : invalidJson(cause)),
      );
    } else {
      let body: unknown;
      try {
        body = parse(bytes.toString('utf8'));
      } catch (cause) {
        done(invalidJson(cause));
        return;
      }
      done(null, body);
    }
  });
}

/** The framework's parser, which refuses `__proto__` and `constructor.prototype` in any depth, as a plain function. */
function jsonParser(app: FastifyInstance): (text: string) => unknown {
  const parse = app.getDefaultJsonParser('error', 'error');
  return (text) => {
    let result: { error: Error | null; body: unknown } | undefined;
    // It answers at once, and has no use for the request.
    void parse(undefined as unknown as FastifyRequest, text, (error, body) => {
      result = { error, body };
    });
    if (!result || result.error) throw result?.error ?? new Error('the parser has not answered');
    return result.body;
  };
}

function tooMany(values: number): Fault {
  return new Fault('invalid', `The request body has more than ${values} texts, lists and objects`);
}

function invalidJson(cause: unknown): Fault {
  return new Fault('invalid', 'The request body is not valid JSON', { cause });
}

/** The body as an object, or a fault with the dialect's usual words for a missing one. */
export function objectBody(body: unknown, missing = 'Expected a JSON object as the request body'): Body {
  if (body === null || typeof body !== 'object' || Array.isArray(body)) throw new Fault('invalid', missing);
  return body as Body;
}

/** Clients send null for what is not set. */
export function given(body: Body, name: string): unknown {
  return Object.hasOwn(body, name) ? (body[name] ?? undefined) : undefined;
}

export function stringField(body: Body, name: string): string {
  const value = optionalStringField(body, name);
  if (value === undefined) throw invalid(name, `Missing required parameter: '${name}'`);
  return value;
}

export function optionalStringField(body: Body, name: string): string | undefined {
  const value = given(body, name);
  if (value !== undefined && typeof value !== 'string') throw wrong(name, 'a string', value);
  return value;
}

export function booleanField(body: Body, name: string, fallback: boolean): boolean {
  return optionalBooleanField(body, name) ?? fallback;
}

export function optionalBooleanField(body: Body, name: string): boolean | undefined {
  const value = given(body, name);
  if (value !== undefined && typeof value !== 'boolean') throw wrong(name, 'a boolean', value);
  return value;
}

export function optionalIntegerField(body: Body, name: string, min: number, max: number): number | undefined {
  const value = given(body, name);
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
    throw wrong(name, `an integer between ${min} and ${max}`, value);
  }
  return value;
}

/** What texts are for: `input_type` of Voyage, Cohere and NVIDIA, `task` of Jina; OpenAI itself makes no difference. */
export function purposeField(body: Body): 'query' | 'document' | undefined {
  const name = given(body, 'input_type') === undefined ? 'task' : 'input_type';
  const type = optionalStringField(body, name);
  switch (type) {
    case undefined:
    // Jina's and Cohere's words for texts that are compared with their like.
    case 'text-matching':
    case 'classification':
    case 'clustering':
    case 'separation':
      return undefined;
    case 'query':
    case 'search_query':
    case 'retrieval.query':
      return 'query';
    case 'document':
    case 'passage':
    case 'search_document':
    case 'retrieval.passage':
      return 'document';
    default:
      throw wrong(name, "'query', 'document' or another provider's word for a task", type);
  }
}

/** A list of strings, or one string as a list of one. */
export function stringsField(body: Body, name: string): string[] {
  const value = given(body, name);
  if (typeof value === 'string') return [value];
  if (value === undefined) throw invalid(name, `Missing required parameter: '${name}'`);
  if (!Array.isArray(value)) throw wrong(name, 'a string or a list of strings', value);
  const index = value.findIndex((item) => typeof item !== 'string');
  if (index >= 0) throw wrong(`${name}[${index}]`, 'a string', value[index]);
  return value as string[];
}

/** A text, a picture as a data URI, a URL or base64, or a sound as a data URI or base64. */
export type Item = { text: string } | { image: string } | { audio: string };

/** Texts, token ids of the model's own vocabulary (with texts among them or not), or texts, pictures and sounds. */
export type Inputs = { texts: string[] } | { ids: (number[] | string)[] } | { items: Item[] };

/**
 * A string, a list of strings, a list of token ids, a list of such lists, or objects with `text`, `image` or `audio`.
 *
 * @param mixed whether one list may have strings and lists of token ids
 */
export function inputsField(body: Body, name: string, mixed = false): Inputs {
  const value = given(body, name);
  const first: unknown = Array.isArray(value) ? value[0] : value;
  if (first !== null && typeof first === 'object' && !Array.isArray(first)) {
    const list: unknown[] = Array.isArray(value) ? value : [value];
    const items = list.map((item, index) => itemOf(item) ?? refuseItem(name, index, item));
    const texts = items.flatMap((item) => ('text' in item ? [item.text] : []));
    return texts.length === items.length ? { texts } : { items };
  }
  const hasIds = typeof first !== 'string' || (mixed && Array.isArray(value) && value.some(Array.isArray));
  if (Array.isArray(value) && value.length > 0 && hasIds) {
    const lists = typeof value[0] === 'number' ? [value] : value;
    return { ids: mixed ? tokenListsAmongTexts(name, lists) : tokenLists(name, lists) };
  }
  return { texts: stringsField(body, name) };
}

/** The inputs, whatever they are. */
export function listOf(inputs: Inputs): readonly unknown[] {
  return 'texts' in inputs ? inputs.texts : 'ids' in inputs ? inputs.ids : inputs.items;
}

const ITEM_FIELDS = ['text', 'image', 'audio'] as const;

function itemOf(value: unknown): Item | undefined {
  // Lists may have plain strings among the objects.
  if (typeof value === 'string') return { text: value };
  if (value !== null && typeof value === 'object') {
    const given = ITEM_FIELDS.filter((field) => ((value as Body)[field] ?? undefined) !== undefined);
    const [field] = given;
    const content = (value as Body)[field];
    if (given.length === 1 && typeof content === 'string' && (content !== '' || field === 'text')) {
      return { [field]: content } as Item;
    }
  }
  return undefined;
}

function refuseItem(name: string, index: number, item: unknown): never {
  throw wrong(`${name}[${index}]`, "a string, or an object with a string 'text', 'image' or 'audio'", item);
}

/** Lists of token ids. Their names are made up only for a fault: there may be a million of them. */
export function tokenLists(name: string, lists: readonly unknown[]): number[][] {
  for (let index = 0; index < lists.length; index++) checkTokens(name, index, lists[index]);
  return lists as number[][];
}

function tokenListsAmongTexts(name: string, lists: readonly unknown[]): (number[] | string)[] {
  for (let index = 0; index < lists.length; index++)
    if (typeof lists[index] !== 'string') checkTokens(name, index, lists[index]);
  return lists as (number[] | string)[];
}

function checkTokens(name: string, index: number, list: unknown): void {
  if (!Array.isArray(list) || list.length === 0)
    throw wrong(`${name}[${index}]`, 'a list of token ids', list);
  const bad = list.findIndex((id) => !isTokenId(id));
  if (bad >= 0) throw wrong(`${name}[${index}]`, 'a list of token ids', list[bad]);
}

function isTokenId(id: unknown): boolean {
  return Number.isInteger(id) && (id as number) >= 0 && (id as number) < 2 ** 32;
}

export function wrong(name: string, expected: string, actual: unknown): Fault {
  return invalid(name, `Expected ${expected} for '${name}' but received ${describe(actual)}`);
}
