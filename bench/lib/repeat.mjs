/**
 * Repeats a call for at least so many seconds, so that one of 5 ms is not judged by a single run.
 *
 * @param {() => unknown} call
 * @returns {Promise<{ seconds: number, best: number, calls: number }>} the median, the least, and how many there were
 */
export async function repeat(least, call) {
  const times = [];
  const started = performance.now();
  do {
    const before = performance.now();
    await call();
    times.push((performance.now() - before) / 1000);
    // Lets the event loop turn, so that its delay shows one blocking call and not the whole round.
    await new Promise(setImmediate);
  } while (performance.now() - started < 1000 * least);
  times.sort((a, b) => a - b);
  return { seconds: times[times.length >> 1], best: times[0], calls: times.length };
}
