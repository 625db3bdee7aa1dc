/**
 * Padded tokens per run of the model unless the caller chooses.
 *
 * Measured with MiniLM in two lanes of one thread each, time per token of batches of equal lengths against the best size:
 * from 256 to 512 tokens within 2 %; 768 takes 3–5 % more and 1,024 takes 4–7 %, at 256 tokens a text 8 and 10 %,
 * since activations leave the cache (two texts of 192 tokens are faster than four together). Larger batches also pad more.
 * One lane with two threads takes 0.90–0.98 of the time of 1,024. A batch is also what a single query may have to wait for.
 */
export const DEFAULT_TOKEN_BUDGET = 512;

/**
 * What a run costs besides its tokens, in tokens: passing tensors, the parts of the graph that do not depend on the
 * batch. From MiniLM in a lane with one thread, runs of 12 to 1,024 tokens beside another such lane: 20 on an AMD EPYC
 * (Zen 5), in float32 as in int8; on an Intel Xeon (Emerald Rapids) 10 in float32 (1.5 ms at 0.15 ms per token) and 7 in int8
 * (0.55 at 0.078), where 12 does 3 % more short texts of 64 callers than 20.
 */
const RUN_COST = 12;

/**
 * Groups sequences into batches of little padding.
 *
 * Sequences are sorted by length, longest first (so that the memory arena reaches its size in the first run).
 * Of all ways to cut this list into batches within the budget, the one with the least padded tokens plus
 * {@link RUN_COST} per batch is taken (dynamic programming, O(n × longest batch)): few texts of mixed lengths,
 * such as those of concurrent callers, are better run in two or three batches than padded to the longest. A
 * sequence that is longer than the budget gets a batch of its own. A fixed count in arrival order, the usual
 * way, pads 2–4 times as many tokens on real text.
 *
 * @param lengths tokens of each sequence
 * @param budget most padded tokens in one batch: sequences × longest
 * @returns indices into `lengths`, batch by batch; equal lengths keep their order
 */
export function formBatches(lengths: ArrayLike<number>, budget: number): Uint32Array[] {
  const order = Uint32Array.from({ length: lengths.length }, (_, index) => index);
  order.sort((a, b) => lengths[b] - lengths[a] || a - b);
  const ends = cheapestCuts(
    Uint32Array.from(order, (index) => Math.max(1, lengths[index])),
    budget,
  );
  const batches: Uint32Array[] = [];
  for (let start = 0; start < order.length; start = ends[start]) {
    batches.push(order.subarray(start, ends[start]));
  }
  return batches;
}

/**
 * Where the batch that starts at each place ends, if all from there on is cut in the cheapest way.
 *
 * @param sorted lengths, longest first
 */
function cheapestCuts(sorted: Uint32Array, budget: number): Uint32Array {
  const { length } = sorted;
  const ends = new Uint32Array(length);
  /** Cost of all from a place on. */
  const rest = new Float64Array(length + 1);
  for (let start = length - 1; start >= 0; start--) {
    const longest = sorted[start];
    const last = Math.min(length, start + Math.max(1, Math.floor(budget / longest)));
    rest[start] = Number.POSITIVE_INFINITY;
    // The largest first: of equally cheap ways, that with fewer runs.
    for (let end = last; end > start; end--) {
      const cost = RUN_COST + longest * (end - start) + rest[end];
      if (cost >= rest[start]) continue;
      rest[start] = cost;
      ends[start] = end;
    }
  }
  return ends;
}
