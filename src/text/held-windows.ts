import type { TextLaneCalls } from './text-lane.js';
import type { TextWindow } from './windows.js';

let nextId = 0;

/** A window that a lane is to compute, and what of it is left to do. */
export class HeldWindow {
  /** By which its lane knows it. */
  readonly id = nextId++;
  readonly window: TextWindow;
  /** Who has it; undefined until all of it has been sent. */
  lane: TextLaneCalls | undefined;
  /** Places in the window of texts that have no rows yet and that no other lane has taken over. */
  readonly #left: Set<number>;

  constructor(window: TextWindow) {
    this.window = window;
    this.#left = new Set(window.indices.keys());
  }

  /** These have their rows. */
  done(places: Iterable<number>): void {
    for (const place of places) this.#left.delete(place);
  }

  /** Of these places, those that are left. */
  remaining(places: Iterable<number> = this.#left): number[] {
    return [...places].filter((place) => this.#left.has(place));
  }

  /** Places of texts that are not left. */
  get settled(): number[] {
    return [...this.window.indices.keys()].filter((place) => !this.#left.has(place));
  }

  /** Characters that are left. */
  get work(): number {
    let characters = 0;
    for (const place of this.#left) characters += this.window.texts[place].length;
    return characters;
  }

  /**
   * Takes the shortest texts away, which are those that lanes do last.
   *
   * @param most characters of them
   * @param least characters for which it pays
   * @returns places of these texts, the longest first
   */
  release(most: number, least: number): number[] {
    const { texts } = this.window;
    const released: number[] = [];
    let characters = 0;
    for (const place of this.remaining().sort((a, b) => texts[a].length - texts[b].length || b - a)) {
      if (characters + texts[place].length > most) break;
      characters += texts[place].length;
      released.push(place);
    }
    if (characters < least) return [];
    this.done(released);
    return released.reverse();
  }
}

/** What an idle lane takes over. */
export interface Takeover {
  from: HeldWindow;
  /** Places in its window. */
  places: number[];
}

/**
 * Work for a lane that has nothing left to do: half of what is left of the largest window in the hands of another. What
 * that one does just now stays with it: the longest texts, as much as a run.
 *
 * @param lanes that can work at the same time
 * @param run characters of a run of the model
 * @param least characters for which it pays to share
 * @returns undefined if every lane has something to do, or too little is left
 */
export function takeOver(
  held: Iterable<HeldWindow>,
  lanes: number,
  run: number,
  least: number,
): Takeover | undefined {
  const windows = [...held];
  const sent = windows.filter(({ lane }) => lane);
  // What is on its way will keep a lane busy that is not known yet.
  const busy = new Set(sent.map(({ lane }) => lane)).size + (windows.length - sent.length);
  if (busy >= lanes || sent.length === 0) return undefined;
  const from = sent.reduce((most, window) => (window.work > most.work ? window : most));
  const places = from.release(Math.min(from.work / 2, from.work - run), least);
  return places.length > 0 ? { from, places } : undefined;
}
