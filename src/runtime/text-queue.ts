/** How urgent a text is: a person waits for it, or a job that has many more. */
export type Priority = 'interactive' | 'bulk';

/** A text that waits for its turn. */
export interface Queued {
  /** Texts of one group may be run together. */
  group: string;
  /** Estimated, in the unit of the token budget. */
  cost: number;
  priority: Priority;
  /** {@link TextQueue.turn} when it came. */
  since: number;
}

/** A bulk text that has seen so many turns goes first, whatever else waits. */
const PATIENCE = 8;

/** Texts that wait, interactive ones before bulk ones, and otherwise the oldest first. */
export class TextQueue<Text extends Queued> {
  readonly #queues: Record<Priority, Set<Text>> = { interactive: new Set(), bulk: new Set() };
  #turn = 0;

  get size(): number {
    return this.#queues.interactive.size + this.#queues.bulk.size;
  }

  /** Whether one of them is interactive. */
  get urgent(): boolean {
    return this.#queues.interactive.size > 0;
  }

  /** How often texts have been taken. */
  get turn(): number {
    return this.#turn;
  }

  add(text: Text): void {
    this.#queues[text.priority].add(text);
  }

  /** @returns whether it waited */
  delete(text: Text): boolean {
    return this.#queues[text.priority].delete(text);
  }

  clear(): void {
    for (const queue of Object.values(this.#queues)) queue.clear();
  }

  /** Makes a bulk text that still waits an interactive one, the youngest. */
  hurry(text: Text): void {
    if (text.priority === 'interactive' || !this.delete(text)) return;
    text.priority = 'interactive';
    this.add(text);
  }

  /** What all texts cost, if that is less than `enough`; else at least `enough`. */
  cost(enough: number): number {
    let sum = 0;
    for (const queue of Object.values(this.#queues)) {
      for (const { cost } of queue) {
        if (sum >= enough) return sum;
        sum += cost;
      }
    }
    return sum;
  }

  /** Takes texts of the group of whichever is first: that one, and more as long as all cost at most `most`. */
  take(most: number): Text[] {
    this.#turn++;
    const taken: Text[] = [];
    let cost = 0;
    for (const queue of this.#order()) {
      for (const text of queue) {
        if (taken.length > 0 && text.group !== taken[0].group) continue;
        if (taken.length > 0 && cost + text.cost > most) return taken;
        queue.delete(text);
        taken.push(text);
        cost += text.cost;
      }
    }
    return taken;
  }

  #order(): Set<Text>[] {
    const { interactive, bulk } = this.#queues;
    const [oldest] = bulk;
    const impatient = oldest !== undefined && this.#turn - oldest.since > PATIENCE;
    return impatient ? [bulk, interactive] : [interactive, bulk];
  }
}
