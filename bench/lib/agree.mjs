/** Rows whose scores differ by less than this may change places: float32 sums in another order. */
const TIE = 1e-5;

/** Largest difference of scores rank by rank; fails where ids differ without a tie that explains it. */
export function agree(name, found, expected, k) {
  if (found.indices.length !== expected.indices.length)
    throw new Error(`${name} returned another number of results`);
  let worst = 0;
  for (let i = 0; i < expected.indices.length; i++) {
    const difference = Math.abs(found.scores[i] - expected.scores[i]);
    worst = Math.max(worst, difference);
    if (!(difference <= TIE)) {
      const got = `${found.indices[i]} (${found.scores[i]})`;
      const want = `${expected.indices[i]} (${expected.scores[i]})`;
      throw new Error(
        `${name} finds ${got} instead of ${want} at rank ${i % k} of query ${Math.floor(i / k)}`,
      );
    }
  }
  return worst;
}
