/** The best k per query as sorted lists, for contenders that only compute scores. Ties: the first offered stays. */
export class KBest {
  constructor(queries, k) {
    this.k = k;
    this.indices = new Uint32Array(queries * k);
    this.scores = new Float64Array(queries * k).fill(Number.NEGATIVE_INFINITY);
  }

  offer(query, index, score) {
    const { k, indices, scores } = this;
    const first = query * k;
    let place = first + k - 1;
    if (!(score > scores[place])) return;
    for (; place > first && score > scores[place - 1]; place--) {
      scores[place] = scores[place - 1];
      indices[place] = indices[place - 1];
    }
    scores[place] = score;
    indices[place] = index;
  }
}
