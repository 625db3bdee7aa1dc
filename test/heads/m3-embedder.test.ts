import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { M3Embedder } from '#dist/index.js';
import { expectRows, fixture, readGolden, readMatrix } from '../text/goldens.js';

interface Golden {
  texts: string[];
  lexical_weights: Record<string, number>[];
  colbert: { lengths: number[] };
  scores: { a: number; b: number; dense: number; sparse: number; colbert: number }[];
}

const DIMS = 32;
const CLOSE = { cosine: 0.99999, absolute: 1e-4 };

describe.each(['model_bgem3.onnx', 'model.onnx'])('M3Embedder with %s', (modelFile) => {
  const golden = readGolden<Golden>('tiny/tiny-xlmr_bgem3.json');
  let model: M3Embedder;
  beforeAll(async () => {
    model = await M3Embedder.load(fixture('models/tiny-xlmr'), { modelFile });
  });
  afterAll(() => model.close());

  it('gives the three outputs of FlagEmbedding from one pass', async () => {
    const { dense, sparse, tokens } = await model.encode(golden.texts);
    expect(model.dimensions).toBe(DIMS);
    expectRows(dense, readMatrix('tiny/tiny-xlmr_bgem3_dense.f32.bin', DIMS), CLOSE);
    golden.lexical_weights.forEach((weights, i) => {
      expect(Array.from(sparse[i].indices), `ids of text ${i}`).toEqual(Object.keys(weights).map(Number));
      Object.values(weights).forEach((weight, at) => {
        expect(Math.abs(sparse[i].values[at] - weight)).toBeLessThanOrEqual(1e-4);
      });
    });
    expect(tokens.map(({ rows }) => rows)).toEqual(golden.colbert.lengths);
    const colbert = readMatrix('tiny/tiny-xlmr_bgem3_colbert.f32.bin', DIMS);
    const together = new Float32Array(colbert.rows * DIMS);
    let end = 0;
    for (const { data } of tokens) {
      together.set(data, end);
      end += data.length;
    }
    expectRows({ data: together, rows: colbert.rows, dims: DIMS }, colbert, CLOSE);
  });

  it('scores pairs as FlagEmbedding does', async () => {
    const all = await model.encode(golden.texts);
    const scores = await model.score(all, all, { weights: { dense: 0.4, sparse: 0.2, colbert: 0.4 } });
    for (const { a, b, dense, sparse, colbert } of golden.scores) {
      const at = a * golden.texts.length + b;
      expect(Math.abs(scores.dense.data[at] - dense)).toBeLessThanOrEqual(1e-4);
      expect(Math.abs(scores.sparse.data[at] - sparse)).toBeLessThanOrEqual(1e-4);
      expect(Math.abs(scores.colbert.data[at] - colbert)).toBeLessThanOrEqual(1e-4);
      const hybrid = 0.4 * dense + 0.2 * sparse + 0.4 * colbert;
      expect(Math.abs(scores.hybrid.data[at] - hybrid)).toBeLessThanOrEqual(1e-4);
    }
  });

  it('refuses misuse', async () => {
    const one = await model.encode('a');
    for (const call of [
      () => model.encode(5 as never),
      () => model.encode('a', { sinal: 1 } as never),
      () => model.score(one, one, { weights: { dense: -1 } }),
      () => model.score(one, one, { weights: { dense: 0, sparse: 0, colbert: 0 } }),
      () => model.score(one, one, { weights: { dense: Number.NaN } }),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: 'ERR_INVALID_ARG' });
    }
  });
});
