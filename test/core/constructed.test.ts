import * as embedlane from 'embedlane';
import * as jobs from 'embedlane/jobs';
import * as stores from 'embedlane/stores';
import { describe, expect, it } from 'vitest';

type Maker = 'load' | 'open' | 'start';
type Made = { new (...args: unknown[]): unknown } & Partial<Record<Maker, unknown>>;

/** Public classes whose instances come from a function of theirs. */
const made = Object.entries({ ...embedlane, ...stores, ...jobs } as unknown as Record<string, Made>).flatMap(
  ([name, value]) => {
    const maker = (['load', 'open', 'start'] as const).find((key) => typeof value?.[key] === 'function');
    return maker && value.prototype && name !== 'FlatIndex' ? [[name, maker, value] as const] : [];
  },
);

describe('a class that is made by loading', () => {
  it('is every embedder, store and queue', () => {
    expect(made.map(([name]) => name)).toEqual(
      expect.arrayContaining(['TextEmbedder', 'ClipEmbedder', 'CrossEncoder', 'LocalStore', 'JobWorker']),
    );
  });

  it.each(made)('%s says so to who calls its constructor instead of %s', (name, maker, Class) => {
    for (const args of [[], ['all-MiniLM-L6-v2'], [{ model: 'x' }], [null, {}]]) {
      expect(() => new Class(...args)).toThrow(
        expect.objectContaining({
          code: 'ERR_INVALID_ARG',
          message: expect.stringContaining(`${name}.${maker}(`) as string,
        }),
      );
    }
  });
});

describe('an address', () => {
  it.each([
    ['openStore', (value: unknown) => stores.openStore(value as string)],
    ['PgVectorStore.open', (value: unknown) => stores.PgVectorStore.open(value as string)],
    ['JobQueue.open', (value: unknown) => jobs.JobQueue.open(value as string)],
  ])('of %s is a string or a URL, and no number becomes a path', async (_, open) => {
    for (const value of [undefined, null, 7, {}, Object.create(null), ['x'], Symbol('x')]) {
      await expect(open(value)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG' });
    }
  });
});
