import { EmbedlaneError, invalidArgument } from '../../core/errors.js';

/** What names a row of an index: a safe integer or a string. `1` and `'1'` are different ids. */
export type Id = number | string;

/** Longest string id, in UTF-16 code units. */
export const MAX_ID_LENGTH = 1024;

const LONE_SURROGATE = /\p{Surrogate}/u;

/** Checks that `value` is an id and returns it (-0 as 0). */
export function idArgument(name: string, value: unknown): Id {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value + 0;
  // A lone surrogate has no UTF-8: in a file, two such ids could become one.
  if (typeof value === 'string' && value.length <= MAX_ID_LENGTH && !LONE_SURROGATE.test(value)) return value;
  throw invalidArgument(
    name,
    `a safe integer or a well-formed string of at most ${MAX_ID_LENGTH} characters`,
    value,
  );
}

/** Checks an array (or a Set, or any other iterable but a string) of ids. */
export function idsArgument(name: string, value: unknown): Id[] {
  if (value === null || typeof value !== 'object' || !(Symbol.iterator in value)) {
    throw invalidArgument(name, 'an array of ids', value);
  }
  return Array.from(value as Iterable<unknown>, (id, i) => idArgument(`${name}[${i}]`, id));
}

/** Checks that there are `count` ids, none of them twice. */
export function distinctIdsArgument(name: string, value: unknown, count: number): Id[] {
  const ids = idsArgument(name, value);
  if (ids.length !== count) {
    throw new EmbedlaneError('ERR_DIMENSION', `Expected ${count} ids for ${name} but received ${ids.length}`);
  }
  const seen = new Set<Id>();
  for (const id of ids) {
    if (seen.has(id)) {
      throw new EmbedlaneError(
        'ERR_INVALID_ARG',
        `Expected distinct ids for ${name} but received ${JSON.stringify(id)} twice`,
      );
    }
    seen.add(id);
  }
  return ids;
}

/** Whether a file may say that this is the next default id: one more than some id, so 2⁵³ where there can be no more. */
export function isNextId(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value - 1);
}
