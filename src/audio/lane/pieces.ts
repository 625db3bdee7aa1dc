import { concatFloats } from '../../core/concat.js';
import type { AudioSource } from '../decode/open.js';
import type { PieceParams, WireSource } from './protocol.js';

/** Sounds that arrived ahead of their call. */
const arrived = new Map<number, PieceParams['piece'][]>();

export function receivePiece({ key, piece }: PieceParams): void {
  const pieces = arrived.get(key);
  if (pieces) pieces.push(piece);
  else arrived.set(key, [piece]);
}

export function dropPieces({ key }: { key: number }): void {
  arrived.delete(key);
}

/** The sound that a call is about. */
export function receiveAudio(source: WireSource): AudioSource {
  if ('path' in source) return source.path;
  const pieces = arrived.get(source.key) ?? [];
  arrived.delete(source.key);
  if (source.sampleRate === undefined) return Buffer.concat(pieces as Uint8Array[]);
  const samples = concatFloats(pieces as Float32Array[]);
  return { samples, sampleRate: source.sampleRate };
}
