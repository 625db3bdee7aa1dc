import type { EmbedlaneError } from '../core/errors.js';
import type { LaneHandle } from '../runtime/index.js';
import { type ImageSource, named } from './input/source.js';
import type { PieceParams, WireImage } from './lane/protocol.js';

/** Bytes that are serialised in one go; copying more than this takes more than a fraction of a millisecond. */
const PIECE = 256 * 1024;
/** Bytes of a picture that travel in the call itself, of which a window has many. */
const INLINE = 32 * 1024;

let nextKey = 0;

/** Pictures on their way to a lane. */
export interface SentImages {
  images: WireImage[];
  /** For each of `images`, its index in the window. */
  rows: number[];
  failures: { row: number; error: EmbedlaneError }[];
}

/**
 * Makes pictures ready to be part of a call. Bytes are sent ahead in pieces, each when the channel has taken the
 * one before it, so that no picture ever occupies this thread as a whole.
 */
export async function sendImages(lane: LaneHandle, sources: readonly ImageSource[]): Promise<SentImages> {
  const sent: SentImages = { images: [], rows: [], failures: [] };
  for (const [row, source] of sources.entries()) {
    try {
      sent.images.push(await sendImage(lane, source));
      sent.rows.push(row);
    } catch (error) {
      sent.failures.push({ row, error: named(error as EmbedlaneError, source.name) });
    }
  }
  return sent;
}

/** Lets the lane forget what was sent ahead for a call that will not be made. */
export function dropImages(lane: LaneHandle, { images }: SentImages): void {
  const keys = images.flatMap(({ key }) => key ?? []);
  if (keys.length > 0) void lane.note('dropImages', { keys });
}

async function sendImage(lane: LaneHandle, source: ImageSource): Promise<WireImage> {
  const { path, url, raw, error } = source;
  if (error) throw error;
  if (path !== undefined) return { path };
  if (url !== undefined) return { url };
  const { bytes, format } =
    typeof source.bytes === 'function'
      ? await source.bytes()
      : { bytes: source.bytes as Uint8Array, format: undefined };
  if (bytes.length <= INLINE) return { bytes, raw, format };
  const key = nextKey++;
  for (let start = 0; start < bytes.length; start += PIECE) {
    const params: PieceParams = { key, piece: bytes.subarray(start, start + PIECE) };
    await lane.note('imagePiece', params);
  }
  return { key, raw, format };
}
