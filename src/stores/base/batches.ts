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
  const batch = new PendingBatch(rules, batchSize);
  // Awaiting each record of an iterable that need not be awaited takes longer than checking it.
  if (Symbol.iterator in source) {
    for (const raw of source) {
      throwIfAborted(signal);
      const full = batch.add(raw);
      if (full !== undefined) yield await prepare(full, rules, signal);
      if (pace.due) await pace.turn();
    }
  } else {
    for await (const raw of source) {
      throwIfAborted(signal);
      const full = batch.add(raw);
      if (full !== undefined) yield await prepare(full, rules, signal);
      if (pace.due) await pace.turn();
    }
  }
  if (batch.records.length > 0) yield await prepare(batch.records, rules, signal);
}

/** Checked records that fit one request. */
class PendingBatch {
  records: CheckedRecord[] = [];
  readonly #rules: RecordRules;
  readonly #size: number;
  #bytes = 0;
  #place = 0;

  constructor(rules: RecordRules, size: number) {
    this.#rules = rules;
    this.#size = size;
  }

  /** Checks a record; returns those before it, if it does not fit beside them. */
  add(raw: StoreRecord): CheckedRecord[] | undefined {
    const record = checkRecord(raw, this.#place++, this.#rules);
    const isFull =
      this.records.length === this.#size || this.#bytes + record.bytes > this.#rules.limits.batchBytes;
    const full = isFull ? this.records : undefined;
    if (isFull) {
      this.records = [];
      this.#bytes = 0;
    }
    this.records.push(record);
    this.#bytes += record.bytes;
    return full;
  }
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
