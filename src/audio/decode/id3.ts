/** Bytes of the header of an ID3v2 tag, which says how long the rest is. */
const HEADER = 10;
/** Bytes of an ID3v1 tag, which is the end of a file. */
const TRAILER = 128;

/**
 * The bytes of a sound without the ID3v2 tags in front of it, which taggers put before FLAC as well as MP3; a picture in one
 * may take megabytes.
 *
 * @returns also whether there were any
 */
export async function skipLeadingTags(
  pieces: AsyncGenerator<Uint8Array>,
): Promise<{ tagged: boolean; rest: AsyncGenerator<Uint8Array> }> {
  const first = await pieces.next();
  if (first.done) return { tagged: false, rest: pieces };
  const whole = following(first.value, pieces);
  const tagged = tagLength(first.value) > 0;
  return { tagged, rest: tagged ? untagged(whole) : whole };
}

/** Puts the piece that was looked at back in front of the others. */
export async function* following(
  first: Uint8Array,
  rest: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield first;
  yield* rest;
}

async function* untagged(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let head: Uint8Array | undefined = new Uint8Array(0);
  let skip = 0;
  for await (const piece of pieces) {
    if (!head) {
      yield piece;
      continue;
    }
    head = joined(head, piece);
    do {
      const skipped: number = Math.min(skip, head.length);
      head = head.subarray(skipped);
      skip -= skipped;
      if (skip === 0) skip = tagLength(head);
    } while (skip > 0 && head.length > 0);
    if (skip > 0 || head.length < HEADER) continue;
    yield head;
    head = undefined;
  }
  if (head && head.length > 0) yield head;
}

/** The bytes of a sound without an ID3v1 tag, which the FLAC decoder takes for a part of the last frame. */
export async function* withoutTrailingTag(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let held: Uint8Array = new Uint8Array(0);
  for await (const piece of pieces) {
    const both = joined(held, piece);
    const end = Math.max(0, both.length - TRAILER);
    if (end > 0) yield both.subarray(0, end);
    held = both.slice(end);
  }
  const isTag = held.length === TRAILER && startsWith(held, 'TAG');
  if (held.length > 0 && !isTag) yield held;
}

/** Length of the ID3v2 tag that bytes begin with, 0 if they begin with no whole header of one. */
function tagLength(bytes: Uint8Array): number {
  if (bytes.length < HEADER || !startsWith(bytes, 'ID3')) return 0;
  // Seven bits of each byte, so that no byte looks like the beginning of a frame of MPEG audio.
  const size = bytes.subarray(6, HEADER).reduce((sum, byte) => sum * 128 + (byte & 127), 0);
  const footer = (bytes[5] & 0x10) === 0 ? 0 : HEADER;
  return HEADER + size + footer;
}

function startsWith(bytes: Uint8Array, text: string): boolean {
  return String.fromCharCode(...bytes.subarray(0, text.length)) === text;
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  return a.length === 0 ? b : Buffer.concat([a, b]);
}
