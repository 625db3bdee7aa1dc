import type { PieceParams, WireImage } from './protocol.js';

const pieces = new Map<number, Uint8Array[]>();

/** Keeps a piece of a large picture until the call that needs it arrives. */
export function receivePiece({ key, piece }: PieceParams): void {
  const list = pieces.get(key);
  if (list) list.push(piece);
  else pieces.set(key, [piece]);
}

/** Forgets pieces whose call will not come. */
export function dropPieces({ keys }: { keys: number[] }): void {
  for (const key of keys) pieces.delete(key);
}

/**
 * The picture with the bytes that were sent ahead of it, in memory of its own: what came with a message is a view
 * into all of that message, and would take the rest along to another thread.
 */
export function joined({ key, ...image }: WireImage): WireImage {
  if (key === undefined) return image.bytes ? { ...image, bytes: new Uint8Array(image.bytes) } : image;
  const list = pieces.get(key) ?? [];
  pieces.delete(key);
  return { ...image, bytes: Buffer.concat(list) };
}
