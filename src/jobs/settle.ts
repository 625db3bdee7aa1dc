import { EmbedlaneError } from '../core/errors.js';
import type { StoreRecord, VectorStore } from '../stores/index.js';
import type { ShardRow } from './read-shard.js';
import type { PoisonItem } from './types.js';

/** What came of a shard's rows. */
export interface Settlement {
  readonly stored: number;
  readonly aside: PoisonItem[];
}

/** Failures that are a record's own, whatever else goes on. */
const OF_A_RECORD = new Set(['ERR_INVALID_ARG', 'ERR_DIMENSION', 'ERR_DTYPE']);
/** Failures that a record may have caused, and a server's or a model's bad moment as well. */
const OF_EITHER = new Set(['ERR_REMOTE', 'ERR_RUNTIME', 'ERR_UNEXPECTED']);

interface Good {
  readonly place: string;
  readonly record: StoreRecord;
}

/**
 * Embeds and stores rows. If that fails because of some of them, halves are tried, then quarters, until those are
 * found, which are set aside.
 *
 * @param suspicious whether a failure that may be the server's own is held against the rows: only after it has come
 *   again, and if the store answers and has taken other rows of the same shard
 * @param hasStored whether it has taken others already
 * @throws what the store throws, if no row is to blame
 */
export async function settle(
  store: VectorStore,
  rows: readonly ShardRow[],
  options: { suspicious: boolean; hasStored: boolean; signal: AbortSignal },
): Promise<Settlement> {
  const { suspicious, hasStored, signal } = options;
  const aside = rows.flatMap(({ place, record, error }) => (record ? [] : [poison(place, undefined, error)]));
  const good = rows.flatMap(({ place, record }): Good[] => (record ? [{ place, record }] : []));
  const suspects: { row: Good; error: unknown }[] = [];
  let stored = 0;
  const attempt = async (part: readonly Good[]): Promise<void> => {
    if (part.length === 0) return;
    try {
      await store.upsert(
        part.map(({ record }) => record),
        { signal },
      );
      stored += part.length;
    } catch (error) {
      const code = codeOf(error);
      const isOwn = OF_A_RECORD.has(code);
      if (signal.aborted || !(isOwn || (suspicious && OF_EITHER.has(code)))) throw error;
      // A store that does not answer is no record's fault.
      if (!isOwn) await store.info({ signal });
      if (part.length > 1) {
        const half = part.length >> 1;
        await attempt(part.slice(0, half));
        await attempt(part.slice(half));
      } else if (isOwn) aside.push(poison(part[0].place, part[0].record.id, error));
      else suspects.push({ row: part[0], error });
    }
  };
  await attempt(good);
  for (const { row, error } of suspects) {
    if (stored === 0 && !hasStored) throw error;
    try {
      await store.upsert([row.record], { signal });
      stored++;
    } catch (again) {
      if (signal.aborted || !OF_EITHER.has(codeOf(again))) throw again;
      await store.info({ signal });
      aside.push(poison(row.place, row.record.id, again));
    }
  }
  return { stored, aside };
}

function codeOf(error: unknown): PoisonItem['code'] {
  return error instanceof EmbedlaneError ? error.code : 'ERR_UNEXPECTED';
}

function poison(place: string, id: unknown, error: unknown): PoisonItem {
  const message = error instanceof Error ? error.message : String(error);
  const code = codeOf(error);
  return typeof id === 'string' ? { place, id, code, message } : { place, code, message };
}
