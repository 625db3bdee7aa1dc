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

/** Most texts of a window where there are several lanes: what one has been given, it tokenises before the first run. */
const MAX_SHARE = 512;

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

/** Part of a run of the model that is worth being sent to a lane by itself. */
const LEAST_RUN = 1 / 4;

/** Characters of texts that fill a run of the model, and of as few as it pays to give to another lane. */
export function runCharacters(budget: number): { run: number; least: number } {
  const run = CHARACTERS_PER_TOKEN * budget;
  return { run, least: LEAST_RUN * run };
}

/**
 * Windows for several lanes: texts are sorted by length and dealt out like cards, so that every window has all lengths, the
 * longest first, and as many texts of like lengths as can be, of which a lane makes batches of little padding. Windows of
 * neighbours in length were cut into a quarter more runs with twice the padding. What lanes differ in is evened out
 * when one has nothing left to do (`takeOver`).
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
  const { least } = runCharacters(budget);
  const lengthOf = (index: number) => Math.min(texts[index].length, head);
  for (let start = 0; start < texts.length; start += BLOCK) {
    const count = Math.min(BLOCK, texts.length - start);
    const order = Uint32Array.from({ length: count }, (_, i) => start + i);
    order.sort((a, b) => lengthOf(b) - lengthOf(a) || a - b);
    // One that is longer than a window counts as one.
    const characters = order.reduce((sum, i) => sum + Math.min(lengthOf(i), limits.characters), 0);
    const needed = Math.max(characters / limits.characters, count / Math.min(limits.texts, MAX_SHARE));
    const worthwhile = Math.max(1, Math.floor(characters / least));
    const players = Math.min(count, worthwhile, lanes * Math.ceil(needed / lanes));
    for (let player = 0; player < players; player++) {
      const own = Array.from(order.filter((_, card) => dealtTo(card, players) === player));
      yield* textWindows(texts, own, head, limits);
    }
  }
}

/** Who gets a card: there and back again, since the first of a round gets more than the last. */
function dealtTo(card: number, players: number): number {
  const turn = card % (2 * players);
  return turn < players ? turn : 2 * players - 1 - turn;
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
