/**
 * Pixels that may be decoded at the same time over all threads of a lane. A picture larger than that is decoded
 * alone. Bounds the memory however many threads there are: 64 megapixels are 192 MB.
 */
const BUDGET = 64_000_000;

/** State shared by the threads: the pixels that are free. */
export function createAdmission(): SharedArrayBuffer {
  const shared = new SharedArrayBuffer(4);
  new Int32Array(shared)[0] = BUDGET;
  return shared;
}

/**
 * Takes `pixels` out of the budget, sleeping until they are there. For threads that do one picture at a time:
 * who waits holds nothing, so somebody else always finishes.
 *
 * @returns gives them back
 */
export function admit(shared: SharedArrayBuffer, pixels: number): () => void {
  const free = new Int32Array(shared);
  const wanted = Math.min(pixels, BUDGET);
  for (;;) {
    const seen = Atomics.load(free, 0);
    if (seen < wanted) Atomics.wait(free, 0, seen);
    else if (Atomics.compareExchange(free, 0, seen, seen - wanted) === seen) break;
  }
  return () => {
    Atomics.add(free, 0, wanted);
    Atomics.notify(free, 0);
  };
}
