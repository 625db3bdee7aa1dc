import { throwIfAborted } from '../../core/abort.js';
import { Pace } from '../../core/pace.js';
import type { StoreRecord, StoreVector } from '../types.js';
import { type EmbedKind, embed, requireEncoder } from './embed.js';
import type { PreparedRecord } from './engine.js';
import { type CheckedRecord, checkRecord, lastOfEachId, type RecordRules } from './records.js';

/** Records to write in one request. */
export interface RecordBatch {
  /** Distinct ids. */
  readonly records: readonly PreparedRecord[];
  /** What the engine has made of them. */
  readonly encoded: unknown;
  /** How many records the caller gave for it. */
  readonly read: number;
}

export type RecordSource = Iterable<StoreRecord> | AsyncIterable<StoreRecord>;

/** Checks every record of an array, so that a bad one is found before anything is stored. */
export async function checkRecords(
  records: readonly StoreRecord[],
  rules: RecordRules,
  signal: AbortSignal | undefined,
): Promise<void> {
  const pace = new Pace(signal);
  for (let place = 0; place < records.length; place++) {
    checkRecord(records[place], place, rules);
    if (pace.due) await pace.turn();
  }
}

/** Cuts records into batches within the limits, and embeds what has to be. */
export async function* recordBatches(
  source: RecordSource,
  rules: RecordRules,
  batchSize: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<RecordBatch, void, undefined> {
  const pace = new Pace(signal);
  let pending: CheckedRecord[] = [];
  let bytes = 0;
  let place = 0;
  for await (const raw of source) {
    throwIfAborted(signal);
    const record = checkRecord(raw, place++, rules);
    if (pending.length === batchSize || bytes + record.bytes > rules.limits.batchBytes) {
      yield await prepare(pending, rules, signal);
      pending = [];
      bytes = 0;
    }
    pending.push(record);
    bytes += record.bytes;
    if (pace.due) await pace.turn();
  }
  if (pending.length > 0) yield await prepare(pending, rules, signal);
}

async function prepare(
  checked: readonly CheckedRecord[],
  rules: RecordRules,
  signal: AbortSignal | undefined,
): Promise<RecordBatch> {
  const vectors = checked.map(({ vector }) => vector);
  await fill(vectors, checked, 'text', 'document', rules, signal);
  await fill(vectors, checked, 'image', 'image', rules, signal);
  const records = checked.map(({ id, document, metadata, metadataJson }, i) => ({
    id,
    vector: vectors[i] as StoreVector,
    document,
    metadata,
    metadataJson,
  }));
  const distinct = lastOfEachId(records);
  return { records: distinct, encoded: await rules.encode?.(distinct), read: checked.length };
}

async function fill(
  vectors: (StoreVector | undefined)[],
  checked: readonly CheckedRecord[],
  field: 'text' | 'image',
  kind: EmbedKind,
  { embedder, info }: RecordRules,
  signal: AbortSignal | undefined,
): Promise<void> {
  const places = checked.flatMap((record, i) => (record[field] === undefined ? [] : [i]));
  if (places.length === 0) return;
  const encode = requireEncoder(field, embedder, kind);
  const inputs = places.map((i) => checked[i][field] as string);
  const found = await embed(`a record's ${field}`, encode, inputs, info, signal);
  places.forEach((i, at) => {
    vectors[i] = found[at];
  });
}
