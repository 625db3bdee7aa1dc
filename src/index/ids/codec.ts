import { type IdColumn, NumberIds, SequenceIds, TextIds } from './columns.js';
import { type Id, isNextId, MAX_ID_LENGTH } from './id.js';

// Files hold ids in groups. A group is a head of 24 bytes (uint32 kind, uint32 count, int64 first id of a sequence,
// uint32 bytes that follow, uint32 0), then its bytes, then zeros up to a multiple of eight:
//
//   sequence   first, first + 1, …: no bytes
//   numbers    one float64 an id, which holds every safe integer
//   text       for each id a uint32, its length in bytes with the highest bit set if it is an integer in decimal;
//              then the UTF-8 text of all

const KIND = { sequence: 0, numbers: 1, text: 2 } as const;
const HEAD_BYTES = 24;
const IS_NUMBER = 0x80000000;
/** A UTF-16 code unit is at most three bytes of UTF-8. */
const MAX_ID_BYTES = 3 * MAX_ID_LENGTH;

/** Most ids that {@link encodeIds} should be given at once, which takes it about a millisecond. */
export const GROUP_IDS = 4096;

/** Encodes ids as one group. */
export function encodeIds(ids: readonly Id[]): Buffer {
  if (!ids.every((id) => typeof id === 'number')) return group(KIND.text, ids.length, 0, encodeText(ids));
  const first = ids[0];
  if (ids.every((id, i) => id === first + i)) return encodeSequence(first, ids.length);
  return group(KIND.numbers, ids.length, 0, [Buffer.from(Float64Array.from(ids).buffer)]);
}

export function encodeSequence(first: number, count: number): Buffer {
  return group(KIND.sequence, count, first, []);
}

function encodeText(ids: readonly Id[]): Buffer[] {
  const texts = ids.map((id) => Buffer.from(String(id)));
  const lengths = texts.map((text, i) =>
    typeof ids[i] === 'number' ? text.length + IS_NUMBER : text.length,
  );
  return [Buffer.from(Uint32Array.from(lengths).buffer), ...texts];
}

function group(kind: number, count: number, first: number, parts: Buffer[]): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  const bytes = parts.reduce((sum, { length }) => sum + length, 0);
  head.writeUInt32LE(kind, 0);
  head.writeUInt32LE(count, 4);
  head.writeBigInt64LE(BigInt(first), 8);
  head.writeUInt32LE(bytes, 16);
  return Buffer.concat([head, ...parts, Buffer.alloc(-bytes & 7)]);
}

/**
 * Reads groups from the beginning of `bytes` until they make up `count` ids.
 *
 * @returns the ids and the length of their groups, or undefined if the bytes cannot be that
 */
export function decodeIds(bytes: Buffer, count: number): { columns: IdColumn[]; length: number } | undefined {
  const columns: IdColumn[] = [];
  let at = 0;
  for (let left = count; left > 0; ) {
    if (bytes.length - at < HEAD_BYTES) return;
    const [kind, ids, first] = [
      bytes.readUInt32LE(at),
      bytes.readUInt32LE(at + 4),
      Number(bytes.readBigInt64LE(at + 8)),
    ];
    const length = bytes.readUInt32LE(at + 16);
    at += HEAD_BYTES;
    if (ids === 0 || ids > left || length + (-length & 7) > bytes.length - at) return;
    const column = decodeGroup(kind, first, bytes.subarray(at, at + length), ids);
    if (column === undefined) return;
    columns.push(column);
    at += length + (-length & 7);
    left -= ids;
  }
  return { columns, length: at };
}

function decodeGroup(kind: number, first: number, bytes: Buffer, count: number): IdColumn | undefined {
  switch (kind) {
    case KIND.sequence:
      if (bytes.length > 0 || !Number.isSafeInteger(first) || !isNextId(first + count)) return;
      return new SequenceIds(first, count);
    case KIND.numbers: {
      if (bytes.length !== count * 8) return;
      // Copied, because the bytes need not lie at a multiple of eight.
      const ids = new Float64Array(count);
      Buffer.from(ids.buffer).set(bytes);
      return ids.every(Number.isSafeInteger) ? new NumberIds(ids) : undefined;
    }
    case KIND.text:
      return decodeText(bytes, count);
    default:
      return;
  }
}

function decodeText(bytes: Buffer, count: number): IdColumn | undefined {
  if (bytes.length < count * 4) return;
  const lengths = new Uint32Array(count);
  Buffer.from(lengths.buffer).set(bytes.subarray(0, count * 4));
  const text = bytes.subarray(count * 4);
  const offsets = new Float64Array(count + 1);
  for (let i = 0; i < count; i++) {
    const length = lengths[i] & ~IS_NUMBER;
    if (length > MAX_ID_BYTES) return;
    offsets[i + 1] = offsets[i] + length;
  }
  if (offsets[count] !== text.length) return;
  return new TextIds(text, offsets, (index) => lengths[index] >= IS_NUMBER);
}
