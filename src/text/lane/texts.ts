import type { PieceParams, WireTexts } from './protocol.js';

const pieces = new Map<number, string>();

/** Keeps a piece of a long text until the call that needs it arrives. */
export function receivePiece({ key, piece }: PieceParams): void {
  pieces.set(key, (pieces.get(key) ?? '') + piece);
}

/** Forgets pieces whose call will not come. */
export function dropPieces({ keys }: { keys: number[] }): void {
  for (const key of keys) pieces.delete(key);
}

/** The texts of a call, long ones joined from their pieces. Lone surrogates become U+FFFD. */
export function receiveTexts({ texts, joined }: WireTexts): string[] {
  for (const { index, key } of joined) {
    texts[index] = pieces.get(key) ?? '';
    pieces.delete(key);
  }
  return texts.map(toWellFormed);
}

/** ES2024, and in every Node.js that this package supports; the compiler's library is older. */
function toWellFormed(text: string): string {
  return (text as string & { toWellFormed(): string }).toWellFormed();
}
