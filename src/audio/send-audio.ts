import { isTyped } from '../core/realms.js';
import type { LaneHandle } from '../runtime/index.js';
import type { AudioSource } from './decode/open.js';
import type { PieceParams, WireSource } from './lane/protocol.js';

/** Bytes that are serialised in one go; copying more takes more than about a millisecond. */
const PIECE = 1024 * 1024;

let nextKey = 0;

/**
 * Makes a sound ready to be part of a call. What is not a path is sent ahead in pieces, each when the channel has
 * taken the one before it, so that copying never occupies this thread for long.
 */
export async function sendAudio(lane: LaneHandle, source: AudioSource): Promise<WireSource> {
  if (typeof source === 'string') return { path: source };
  const key = nextKey++;
  const array = isTyped(source, Uint8Array) ? source : source.samples;
  const length = PIECE / array.BYTES_PER_ELEMENT;
  for (let start = 0; start < array.length; start += length) {
    const params: PieceParams = { key, piece: array.subarray(start, start + length) };
    await lane.note('audioPiece', params);
  }
  return isTyped(source, Uint8Array) ? { key } : { key, sampleRate: source.sampleRate };
}

/** Lets the lane forget what was sent ahead for a call that will not be made. */
export function dropAudio(lane: LaneHandle, source: WireSource): void {
  if ('key' in source) void lane.note('dropAudio', { key: source.key });
}
