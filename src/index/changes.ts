import { EmbedlaneError } from '../core/errors.js';
import type { CheckedMatrix } from '../vectors/matrix.js';
import type { Contents } from './contents.js';
import { distinctIdsArgument, type Id } from './ids/id.js';
import { type RowsLike, rowsArgument } from './rows.js';

/** Rows to add or to replace, with their ids; undefined: default ones. */
export interface CheckedRows<Ids> {
  matrix: CheckedMatrix;
  ids: Ids;
}

/** Checks rows to add. */
export function addArguments(
  contents: Contents,
  embeddings: RowsLike,
  ids: Iterable<Id> | undefined,
): CheckedRows<Id[] | undefined> {
  const matrix = rowsArgument('embeddings', embeddings, contents.spec);
  const checked = ids === undefined ? undefined : distinctIdsArgument('ids', ids, matrix.rows);
  refuseUsed(contents, checked);
  return { matrix, ids: checked };
}

/** Throws if the index has a row with one of the ids. */
export function refuseUsed(contents: Contents, ids: readonly Id[] | undefined): void {
  for (const id of ids ?? []) {
    if (contents.find(id) < 0) continue;
    throw new EmbedlaneError(
      'ERR_INVALID_ARG',
      `Expected new ids for ids but received ${JSON.stringify(id)}, which the index has; see upsert`,
    );
  }
}

/**
 * Checks rows that take the places of others.
 *
 * @param mustExist whether every id has to be one of the index
 * @returns also the positions of the rows to be replaced
 */
export function replaceArguments(
  contents: Contents,
  embeddings: RowsLike,
  ids: Iterable<Id>,
  mustExist: boolean,
): CheckedRows<Id[]> & { present: number[] } {
  const matrix = rowsArgument('embeddings', embeddings, contents.spec);
  const checked = distinctIdsArgument('ids', ids, matrix.rows);
  const old = checked.map((id) => contents.find(id));
  const missing = mustExist ? old.indexOf(-1) : -1;
  if (missing >= 0) {
    throw new EmbedlaneError(
      'ERR_INVALID_ARG',
      `Expected ids of the index for ids but received ${JSON.stringify(checked[missing])}`,
    );
  }
  return { matrix, ids: checked, present: old.filter((position) => position >= 0) };
}
