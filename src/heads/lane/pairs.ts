import type { Encoding } from 'tokenizers';
import type { Sequence } from '../../text/lane/sequences.js';

/**
 * Cuts a pair of texts to `most` tokens, special ones included, by the rule `longest_first` of Hugging Face
 * tokenizers: both are cut to half the room, or only the longer one if the other is shorter than that. Done
 * here because the library's package for Node.js gives the odd token to the other text than Python's does.
 *
 * @param most undefined for no limit
 * @param fromEnd whether the ends of the texts are kept
 */
export function pairSequence(encoding: Encoding, most: number | undefined, fromEnd: boolean): Sequence {
  const ids = encoding.getIds();
  const typeIds = encoding.getTypeIds();
  if (most === undefined || ids.length <= most) {
    return { ids: Int32Array.from(ids), typeIds: Int32Array.from(typeIds) };
  }
  const special = encoding.getSpecialTokensMask();
  const owners = encoding.getSequenceIds();
  const places = [0, 1].map((owner) =>
    Array.from(ids.keys()).filter((i) => special[i] === 0 && owners[i] === owner),
  );
  const room = Math.max(0, most - special.filter((flag) => flag !== 0).length);
  const counts = longestFirst(places[0].length, places[1].length, room);
  const kept = new Set(
    places.flatMap((own, i) => (fromEnd ? own.slice(own.length - counts[i]) : own.slice(0, counts[i]))),
  );
  const stays = Array.from(ids.keys()).filter((i) => special[i] !== 0 || kept.has(i));
  return {
    ids: Int32Array.from(stays, (i) => ids[i]),
    typeIds: Int32Array.from(stays, (i) => typeIds[i]),
  };
}

/** How many tokens of each text stay, `room` in all. */
function longestFirst(first: number, second: number, room: number): [number, number] {
  const shorter = Math.min(first, second);
  let short = shorter;
  let long = shorter > room ? shorter : Math.max(shorter, room - shorter);
  if (short + long > room) {
    short = Math.floor(room / 2);
    long = short + (room % 2);
  }
  return first > second ? [long, short] : [short, long];
}
