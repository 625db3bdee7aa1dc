import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { POOLING_MODES, type PoolingMode } from '#dist/native/binding.js';
import { loadBinding } from '#dist/native/load.js';
import { implementations } from './levels.js';
import { Random } from './random.js';

const folder = new URL('../fixtures/goldens/pooling/', import.meta.url);

interface GoldenArray {
  file: string;
  shape: number[];
  modes?: string[];
}

const { cases } = JSON.parse(readFileSync(new URL('pooling.json', folder), 'utf8')) as {
  cases: {
    name: string;
    token_embeddings: GoldenArray;
    attention_mask: number[][];
    expected: Record<string, GoldenArray>;
  }[];
};

function load({ file }: GoldenArray): Float32Array {
  const bytes = readFileSync(new URL(file, folder));
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}

const ourName = (name: string) => (name === 'mean_sqrt_len_tokens' ? 'mean_sqrt_len' : name) as PoolingMode;

const all = implementations();
const best = loadBinding().simdLevel();
afterAll(() => loadBinding().setSimdLevel(best));

describe.each(all)('pool, $name', ({ use }) => {
  it.each(cases)('equals sentence-transformers: $name', ({ token_embeddings, attention_mask, expected }) => {
    const hidden = load(token_embeddings);
    const [batch, sequence, dims] = token_embeddings.shape;
    const mask = Uint8Array.from(attention_mask.flat());
    for (const [key, golden] of Object.entries(expected)) {
      const normalize = key.endsWith('+normalize');
      const excluded = /prompt_length (\d+)/.exec(key)?.[1];
      const modes = (golden.modes ?? [key.replace(/\+normalize|, .*/, '')]).map(ourName);
      const exclude = excluded ? new Uint32Array(batch).fill(Number(excluded)) : null;
      const actual = use().pool(hidden, mask, batch, sequence, dims, modes, normalize, exclude);
      const wanted = load(golden);
      expect(actual.length, key).toBe(wanted.length);
      for (let i = 0; i < wanted.length; i++) {
        if (Number.isFinite(wanted[i])) {
          const tolerance = 1e-5 * Math.max(1, Math.abs(wanted[i]));
          if (!(Math.abs(actual[i] - wanted[i]) <= tolerance)) {
            expect.fail(`${key} at ${i}: ${actual[i]} instead of ${wanted[i]}`);
          }
        } else {
          expect(actual[i], `${key} at ${i}`).toBe(wanted[i]);
        }
      }
    }
  });
});

/** Pooling by its definition, in float64. */
function pooled(
  mode: PoolingMode,
  token: (t: number) => Float32Array,
  mask: Uint8Array,
  exclude: number,
  dims: number,
): number[] {
  const inside = [...mask.keys()].filter((t) => mask[t]);
  const counted = inside.slice(exclude);
  const column = (i: number) => counted.map((t) => token(t)[i]);
  const sum = (values: number[]) => values.reduce((x, y) => x + y, 0);
  return Array.from({ length: dims }, (_, i) => {
    switch (mode) {
      case 'cls':
        return token(counted[0] ?? 0)[i];
      case 'lasttoken':
        return counted.length > 0 ? token(counted[counted.length - 1])[i] : 0;
      case 'max':
        return Math.max(...column(i));
      case 'mean':
        return sum(column(i)) / Math.max(counted.length, 1e-9);
      case 'mean_sqrt_len':
        return sum(column(i)) / Math.sqrt(Math.max(counted.length, 1e-9));
      default: {
        const weights = counted.map((t) => t - inside[0] + 1);
        return sum(counted.map((t, n) => weights[n] * token(t)[i])) / Math.max(sum(weights), 1e-9);
      }
    }
  });
}

describe('pool', () => {
  it('equals a float64 oracle, with the same bits on every level and in the fallback', () => {
    const random = new Random(6);
    for (const dims of [1, 2, 7, 8, 17, 64, 100, 384]) {
      const [batch, sequence] = [4, 13];
      const hidden = random.vector(batch * sequence * dims);
      const mask = Uint8Array.from({ length: batch * sequence }, () => (random.uniform() < 0.6 ? 255 : 0));
      mask.fill(0, sequence, 2 * sequence);
      const exclude = Uint32Array.of(0, 1, 2, 100);
      for (const excluded of [null, exclude]) {
        const results = all.map(({ use }) =>
          use().pool(hidden, mask, batch, sequence, dims, POOLING_MODES, false, excluded),
        );
        for (const result of results) expect(result).toEqual(results[0]);
        for (let b = 0; b < batch; b++) {
          const token = (t: number) =>
            hidden.subarray((b * sequence + t) * dims, (b * sequence + t + 1) * dims);
          const rowMask = mask.subarray(b * sequence, (b + 1) * sequence);
          const wanted = POOLING_MODES.flatMap((mode) =>
            pooled(mode, token, rowMask, excluded?.[b] ?? 0, dims),
          );
          const actual = results[0].subarray(b * wanted.length, (b + 1) * wanted.length);
          wanted.forEach((value, i) => {
            if (Number.isFinite(value)) expect(actual[i]).toBeCloseTo(value, 5);
            else expect(actual[i]).toBe(value);
          });
        }
      }
    }
  });

  it('defines a row without any token: the first position, -Inf or zeros', () => {
    const hidden = Float32Array.of(3, 4, 5, 6);
    for (const { use } of all) {
      const of = (mode: PoolingMode, normalize = false) => [
        ...use().pool(hidden, new Uint8Array(2), 1, 2, 2, [mode], normalize, null),
      ];
      expect(of('cls')).toEqual([3, 4]);
      expect(of('max')).toEqual([-Infinity, -Infinity]);
      expect(of('max', true)).toEqual([Number.NaN, Number.NaN]);
      for (const mode of ['mean', 'mean_sqrt_len', 'weightedmean', 'lasttoken'] as const) {
        expect(of(mode)).toEqual([0, 0]);
        expect(of(mode, true)).toEqual([0, 0]);
      }
    }
  });

  it('concatenates in the order of POOLING_MODES and normalises the whole', () => {
    const hidden = Float32Array.of(1, 2, 3, 5);
    for (const { use } of all) {
      const out = use().pool(hidden, Uint8Array.of(1, 1), 1, 2, 2, ['lasttoken', 'cls'], true, null);
      const norm = Math.sqrt(39);
      [1, 2, 3, 5].forEach((x, i) => {
        expect(out[i]).toBeCloseTo(x / norm, 6);
      });
    }
  });

  it('keeps NaN in max', () => {
    for (const { use } of all) {
      for (const column of [
        [Number.NaN, 1],
        [1, Number.NaN],
      ]) {
        const hidden = Float32Array.from({ length: 40 }, (_, i) => column[i < 20 ? 0 : 1]);
        const out = use().pool(hidden, Uint8Array.of(1, 1), 1, 2, 20, ['max'], false, null);
        expect(out.every(Number.isNaN)).toBe(true);
      }
    }
  });
});
