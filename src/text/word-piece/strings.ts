import { setImmediate } from 'node:timers/promises';
import type { Strings } from '../../native/binding.js';
import type { TextRoom } from './room.js';

/** Units that are copied before the event loop may turn: about a millisecond. */
const PIECE = 512 * 1024;

/** Puts strings one after another, at once. */
export function joinStrings(texts: readonly string[]): Strings {
  const ends = stringEnds(texts);
  const units = new Uint16Array(ends.at(-1) ?? 0);
  writeUnits(units, 0, texts.join(''));
  return { units, ends };
}

/** {@link joinStrings} into `room`, letting the event loop turn while it copies long texts. */
export async function joinTexts(texts: readonly string[], room: TextRoom): Promise<Strings> {
  const ends = stringEnds(texts);
  const total = ends.at(-1) ?? 0;
  const units = room.units(total);
  if (total <= PIECE) {
    writeUnits(units, 0, texts.join(''));
    return { units, ends };
  }
  let end = 0;
  for (const text of texts) {
    for (let start = 0; start < text.length; start += PIECE) {
      const piece = text.slice(start, start + PIECE);
      writeUnits(units, end, piece);
      end += piece.length;
      await setImmediate();
    }
  }
  return { units, ends };
}

function stringEnds(texts: readonly string[]): Uint32Array {
  const ends = new Uint32Array(texts.length);
  let end = 0;
  for (let i = 0; i < texts.length; i++) {
    end += texts[i].length;
    ends[i] = end;
  }
  return ends;
}

/** UTF-16 as every platform of Node.js has it: little-endian. Far faster than a character at a time. */
function writeUnits(units: Uint16Array, at: number, text: string): void {
  Buffer.from(units.buffer, units.byteOffset, units.byteLength).write(text, 2 * at, 'utf16le');
}
