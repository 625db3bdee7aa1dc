/** Lets work go on side by side, but for some that has to be alone; in the order of the calls. */
export class Turns {
  #alone: Promise<unknown> = Promise.resolve();
  readonly #beside = new Set<Promise<unknown>>();

  /** Begins when nothing that was asked for before has to be alone. */
  beside<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#alone.then(work);
    const over = settled(turn);
    this.#beside.add(over);
    void over.then(() => this.#beside.delete(over));
    return turn;
  }

  /** Begins when all is over that was asked for before; what is asked for later waits. */
  alone<T>(work: () => Promise<T>): Promise<T> {
    const turn = Promise.all([this.#alone, ...this.#beside]).then(work);
    this.#alone = settled(turn);
    return turn;
  }
}

const settled = (turn: Promise<unknown>): Promise<void> =>
  turn.then(
    () => {},
    () => {},
  );
