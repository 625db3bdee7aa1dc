import { throwIfAborted } from '../core/abort.js';
import { EmbedlaneError } from '../core/errors.js';
import { type OpenShard, openShard } from './read-shard.js';
import { settle } from './settle.js';
import { afterRows, endOfRows, isKiller, type ShardNote } from './shard-note.js';
import type { Targets } from './targets.js';
import type { JobSpec, PoisonItem, Shard } from './types.js';

/** Rows of one shard that may end workers: of more, the shard or the machine is to blame. */
const MAX_KILLERS = 16;

export interface ShardContext {
  readonly spec: JobSpec;
  readonly root: string;
  readonly targets: Targets;
  /** Whether the job has stored rows of other shards, so that model and store can do it. */
  readonly hasStored: boolean;
  /** Whether the shard has failed before. */
  readonly suspicious: boolean;
  readonly signal: AbortSignal;
  /** Keeps the note where the next worker finds it, before what it says begins. */
  save(note: ShardNote): Promise<void>;
}

/** Reads, embeds and stores a shard's rows, from where `begun` says: rows that end the worker do it one by one. */
export async function doShard(
  part: Shard,
  begun: ShardNote,
  { spec, root, targets, hasStored, suspicious, signal, save }: ShardContext,
): Promise<Pick<ShardNote, 'stored' | 'aside'>> {
  let note = begun;
  try {
    await save({ ...note, doing: 'opening' });
    const shard = await openShard(part, spec, root);
    return await targets.use(spec, signal, async (store) => {
      while (note.at < part.items) {
        if (isKiller(note)) {
          note = afterRows(note, { stored: 0, aside: [killer(shard.name(note.at), note)] });
          continue;
        }
        throwIfAborted(signal);
        await save({ ...note, doing: 'rows' });
        const options = { suspicious, hasStored: note.stored > 0, signal };
        const rows = await shard.read(note.at, endOfRows(note));
        note = afterRows(note, await settle(store, rows, options));
      }
      requireSurvivors(note, hasStored);
      return note;
    });
  } catch (error) {
    // This worker is well. Where that cannot be said, the next one tries its rows few at a time, for nothing.
    await save({ ...note, doing: 'nothing' }).catch(() => {});
    throw error;
  }
}

const WORKER = 'ERR_WORKER';

const killers = ({ aside }: ShardNote) => aside.filter(({ code }) => code === WORKER);

function killer({ place, id }: ReturnType<OpenShard['name']>, note: ShardNote): PoisonItem {
  const message = `${note.killed} workers ended while they had nothing but this row to do`;
  const item: PoisonItem = { place, ...(id !== undefined && { id }), code: WORKER, message };
  if (killers(note).length < MAX_KILLERS) return item;
  throw new EmbedlaneError(
    'ERR_RUNTIME',
    `Expected at most ${MAX_KILLERS} rows of a shard to end their workers but received one more, ${place}`,
  );
}

/** If nothing has ever been stored, it is not for certain the rows that end workers. */
function requireSurvivors(note: ShardNote, jobHasStored: boolean): void {
  const [first] = killers(note);
  if (first === undefined || jobHasStored || note.stored > 0) return;
  throw new EmbedlaneError(
    'ERR_RUNTIME',
    `Expected workers to live on with ${first.place}, or to have stored any other row, but ${first.message}`,
  );
}
