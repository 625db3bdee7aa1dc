/** A part of a request that is sent to the lane at once. */
export interface TextWindow {
  /** Place of each text in the request. */
  indices: number[];
  texts: string[];
  /** Which of `texts` are only the beginning of what the caller gave. */
  open: number[];
  /** How many characters of a text are sent at most. */
  head: number;
}

export interface WindowLimits {
  /** Most texts in a window: enough of them to sort well by length. */
  texts: number;
  /** Most characters in a window of several texts: what is copied to the lane in one go. */
  characters: number;
}

/** Windows on their way to each lane. With two, one is tokenised while the other is in the model. */
export const WINDOWS_IN_FLIGHT = 2;

/** Fewest texts of a window that is only cut so that every lane has work: about a run of short ones. */
const MIN_SHARE = 64;

/** Most texts of a window where there are several lanes: what one has been given, no other can help with. */
const MAX_SHARE = 512;

const UNLIMITED: WindowLimits = { texts: Number.POSITIVE_INFINITY, characters: Number.POSITIVE_INFINITY };

/** Limits with which each of several lanes gets its windows, even of a call that would fit into one. */
export function shareAmong(lanes: number, texts: number, limits: WindowLimits): WindowLimits {
  if (lanes === 1) return limits;
  const share = Math.ceil(texts / (WINDOWS_IN_FLIGHT * lanes));
  return { ...limits, texts: Math.min(limits.texts, MAX_SHARE, Math.max(MIN_SHARE, share)) };
}

/** Texts that are sorted by their length in one go: well below a millisecond. */
const BLOCK = 2048;

/** Characters of a token of ordinary text; windows are only sized by it. */
const CHARACTERS_PER_TOKEN = 4;

/**
 * Windows for several lanes: texts of like lengths together, the longest first, and towards the end windows that become
 * smaller, down to about a run of the model, so that the lanes end at about the same time. Of windows in arrival order, one
 * lane got up to a tenth more work than another, and what is in a lane's hands no other can take over.
 *
 * @param head how many characters of each text to take at most
 * @param budget tokens of a run
 */
export function* sharedWindows(
  texts: readonly string[],
  head: number,
  lanes: number,
  budget: number,
  limits: WindowLimits,
): Generator<TextWindow, void, undefined> {
  const most = Math.min(limits.texts, MAX_SHARE);
  const least = CHARACTERS_PER_TOKEN * budget;
  const lengthOf = (index: number) => Math.min(texts[index].length, head);
  for (let start = 0; start < texts.length; start += BLOCK) {
    const end = Math.min(texts.length, start + BLOCK);
    const order = Uint32Array.from({ length: end - start }, (_, i) => start + i);
    order.sort((a, b) => lengthOf(b) - lengthOf(a) || a - b);
    let left = order.reduce((sum, index) => sum + lengthOf(index), 0);
    const shares = WINDOWS_IN_FLIGHT * lanes * (end === texts.length ? 2 : 1);
    for (let from = 0; from < order.length; ) {
      const share = Math.min(limits.characters, Math.max(least, left / shares));
      let to = from;
      let characters = 0;
      do characters += lengthOf(order[to++]);
      while (to < order.length && to - from < most && characters + lengthOf(order[to]) <= share);
      yield* textWindows(texts, Array.from(order.subarray(from, to)), head, UNLIMITED);
      left -= characters;
      from = to;
    }
  }
}

/**
 * Characters of a text that are sent before it is known whether they suffice. Nearly all text has fewer than
 * eight characters per token; the rest of a long document would be tokenised only to be thrown away.
 *
 * @param maxTokens where truncation cuts; without it, all of a text is needed
 */
export function headLength(maxTokens: number | undefined): number {
  return maxTokens === undefined ? Number.POSITIVE_INFINITY : 1024 + 16 * maxTokens;
}

/** By how much the beginning grows if it was too short: 10 MB are reached in six steps from 5 kB. */
export const HEAD_GROWTH = 4;

/**
 * Cuts texts into windows, lazily.
 *
 * @param indices which of `texts`, or undefined for all
 * @param head how many characters of each text to take at most
 */
export function* textWindows(
  texts: readonly string[],
  indices: readonly number[] | undefined,
  head: number,
  limits: WindowLimits,
): Generator<TextWindow, void, undefined> {
  const total = indices?.length ?? texts.length;
  let window: TextWindow = { indices: [], texts: [], open: [], head };
  let characters = 0;
  for (let i = 0; i < total; i++) {
    const index = indices ? indices[i] : i;
    const text = beginning(texts[index], head);
    const full = window.texts.length >= limits.texts || characters + text.length > limits.characters;
    if (full && window.texts.length > 0) {
      yield window;
      window = { indices: [], texts: [], open: [], head };
      characters = 0;
    }
    if (text.length < texts[index].length) window.open.push(window.texts.length);
    window.indices.push(index);
    window.texts.push(text);
    characters += text.length;
  }
  if (window.texts.length > 0) yield window;
}

/** At most `length` units of a text, never ending within a surrogate pair. */
export function beginning(text: string, length: number): string {
  if (text.length <= length) return text;
  const last = text.charCodeAt(length - 1);
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? length - 1 : length);
}
