import { EmbedlaneError } from 'embedlane';
import type { VectorStore } from 'embedlane/stores';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { code } from '../../index/support.js';
import { DIMS } from './data.js';
import { type ConformanceTarget, newCollection } from './target.js';

const ones = (length = DIMS) => new Float32Array(length).fill(1);
const record = (changes: object) => ({ id: 'new', vector: ones(), ...changes });

const RECORDS: [string, unknown, string][] = [
  ['no record', null, 'ERR_INVALID_ARG'],
  ['a misspelled field', record({ metdata: {} }), 'ERR_INVALID_ARG'],
  ['no id', record({ id: undefined }), 'ERR_INVALID_ARG'],
  ['a number as id', record({ id: 7 }), 'ERR_INVALID_ARG'],
  ['an empty id', record({ id: '' }), 'ERR_INVALID_ARG'],
  ['an id of 513 bytes', record({ id: `${'ä'.repeat(256)}x` }), 'ERR_INVALID_ARG'],
  ['an id with U+0000', record({ id: 'a\0b' }), 'ERR_INVALID_ARG'],
  ['an id with a lone surrogate', record({ id: 'a\ud800' }), 'ERR_INVALID_ARG'],
  ['no vector', record({ vector: undefined }), 'ERR_INVALID_ARG'],
  ['a vector and a text', record({ text: 'a' }), 'ERR_INVALID_ARG'],
  ['a text without an embedder', { id: 'new', text: 'a' }, 'ERR_INVALID_ARG'],
  ['a short vector', record({ vector: ones(DIMS - 1) }), 'ERR_DIMENSION'],
  ['a long vector', record({ vector: Array.from(ones(DIMS + 1)) }), 'ERR_DIMENSION'],
  ['an empty vector', record({ vector: [] }), 'ERR_DIMENSION'],
  ['float64', record({ vector: new Float64Array(DIMS) }), 'ERR_DTYPE'],
  ['NaN', record({ vector: ones().fill(Number.NaN, 3, 4) }), 'ERR_INVALID_ARG'],
  ['Infinity', record({ vector: ones().fill(Number.POSITIVE_INFINITY, 3, 4) }), 'ERR_INVALID_ARG'],
  [
    'a value that float32 does not have',
    record({ vector: Array.from(ones()).with(2, 1e39) }),
    'ERR_INVALID_ARG',
  ],
  ['text in a vector', record({ vector: Array.from(ones()).with(2, '1' as never) }), 'ERR_INVALID_ARG'],
  ['a number as document', record({ document: 1 }), 'ERR_INVALID_ARG'],
  ['U+0000 in the document', record({ document: 'a\0' }), 'ERR_INVALID_ARG'],
  ['a Map as metadata', record({ metadata: new Map([['a', 1]]) }), 'ERR_INVALID_ARG'],
  ['an array as metadata', record({ metadata: [] }), 'ERR_INVALID_ARG'],
  ['a nested object', record({ metadata: { a: { b: 1 } } }), 'ERR_INVALID_ARG'],
  ['null', record({ metadata: { a: null } }), 'ERR_INVALID_ARG'],
  ['NaN in metadata', record({ metadata: { a: Number.NaN } }), 'ERR_INVALID_ARG'],
  ['a bigint', record({ metadata: { a: 1n } }), 'ERR_INVALID_ARG'],
  ['a nested array', record({ metadata: { a: [[1]] } }), 'ERR_INVALID_ARG'],
  ['U+0000 in metadata', record({ metadata: { a: '\0' } }), 'ERR_INVALID_ARG'],
  ...[
    '',
    `a"b`,
    `a'b`,
    'a`b',
    'a\\b',
    'a$b',
    'a[0]',
    'a(b',
    'a;b',
    'a\nb',
    ' a',
    '__proto__',
    'x'.repeat(65),
  ].map((name): [string, unknown, string] => [
    `a field named ${JSON.stringify(name)}`,
    record({ metadata: Object.defineProperty({}, name, { value: 1, enumerable: true }) }),
    'ERR_INVALID_ARG',
  ]),
];

const deep = (depth: number): object => (depth === 0 ? { field: 'a', eq: 1 } : { not: deep(depth - 1) });

const FILTERS: [string, unknown][] = [
  ['no object', 'year > 2000'],
  ['null', null],
  ['an array', []],
  ['an empty object', {}],
  ['no operator', { field: 'a' }],
  ['an unknown operator', { field: 'a', like: 'b%' }],
  ['two operators', { field: 'a', eq: 1, ne: 2 }],
  ['an operator and a bound', { field: 'a', eq: 1, gt: 0 }],
  ['two connectives', { and: [], or: [] }],
  ['a value that is no scalar', { field: 'a', eq: { $ne: 1 } }],
  ['null as value', { field: 'a', eq: null }],
  ['NaN', { field: 'a', gt: Number.NaN }],
  ['a boolean bound', { field: 'a', gt: true }],
  ['a list for eq', { field: 'a', eq: [1] }],
  ['no list for in', { field: 'a', in: 1 }],
  ['a list of lists', { field: 'a', in: [[1]] }],
  ['no list for and', { and: { field: 'a', eq: 1 } }],
  ['a field name that is no name', { field: `a" or 1 == 1 or "a`, eq: 1 }],
  ['__proto__', { field: '__proto__', eq: 1 }],
  ['U+0000', { field: 'a', eq: '\0' }],
  ['too many levels', deep(40)],
  ['too many values', { field: 'a', in: Array.from({ length: 10_001 }, (_, i) => i) }],
  ['too many parts', { and: Array.from({ length: 10_001 }, () => ({ field: 'a', eq: 1 })) }],
];

const SEARCHES: [string, unknown, object | undefined, string][] = [
  ['no query', undefined, undefined, 'ERR_INVALID_ARG'],
  ['an empty query', {}, undefined, 'ERR_INVALID_ARG'],
  ['two queries', { vector: ones(), text: 'a' }, undefined, 'ERR_INVALID_ARG'],
  ['a text without an embedder', 'a', undefined, 'ERR_INVALID_ARG'],
  ['an image without an embedder', { image: 'a.png' }, undefined, 'ERR_INVALID_ARG'],
  ['wrong dimensions', ones(3), undefined, 'ERR_DIMENSION'],
  ['NaN', ones().fill(Number.NaN), undefined, 'ERR_INVALID_ARG'],
  ['k of 0', ones(), { k: 0 }, 'ERR_INVALID_ARG'],
  ['k of 1.5', ones(), { k: 1.5 }, 'ERR_INVALID_ARG'],
  ['a huge k', ones(), { k: 1e6 }, 'ERR_INVALID_ARG'],
  ['a misspelled option', ones(), { fliter: {} }, 'ERR_INVALID_ARG'],
  ['an unknown field to include', ones(), { include: ['vectors'] }, 'ERR_INVALID_ARG'],
  ['efSearch of 0', ones(), { efSearch: 0 }, 'ERR_INVALID_ARG'],
  ['a signal that is none', ones(), { signal: {} }, 'ERR_INVALID_ARG'],
];

/** Arguments that are wrong: typed errors, and nothing is changed. */
export function misuse(target: ConformanceTarget): void {
  const metric = target.dtypes.f32?.[0] ?? 'cosine';
  let store: VectorStore;
  beforeAll(async () => {
    store = await target.open(newCollection());
    await store.create({ dims: DIMS, metric });
    await store.upsert([{ id: 'there', vector: ones() }]);
  });
  afterAll(async () => {
    await store.drop();
    await store.close();
  });

  describe('records that are refused, with all others of the call', () => {
    it.each(RECORDS)('%s', async (_, bad, expected) => {
      const records = [record({ id: 'good' }), bad] as never;
      const failed = store.upsert(records, { batchSize: 1 });
      await expect(failed).rejects.toThrow(code(expected));
      await expect(failed).rejects.toThrow(/records\[1\]/);
      expect(await store.count()).toBe(1);
    });

    it('a vector of zeros by cosine', async () => {
      if (!target.dtypes.f32?.includes('cosine')) return;
      const cosine = await target.open(newCollection());
      await cosine.create({ dims: 2, metric: 'cosine' });
      await expect(cosine.upsert([{ id: 'a', vector: [0, 0] }])).rejects.toThrow(code('ERR_INVALID_ARG'));
      await expect(cosine.search([0, 0])).rejects.toThrow(code('ERR_INVALID_ARG'));
      await cosine.drop();
      await cosine.close();
    });
  });

  it.skipIf(target.dtypes.f16 === undefined)('refuses values that 16 bits do not hold', async () => {
    const half = await target.open(newCollection());
    await half.create({ dims: 2, dtype: 'f16', metric: target.dtypes.f16?.[0] });
    const records = [
      { id: 'good', vector: [1, 65_519] },
      { id: 'bad', vector: [1, -65_520] },
    ];
    const failed = half.upsert(records, { batchSize: 1 });
    await expect(failed).rejects.toThrow(code('ERR_INVALID_ARG'));
    await expect(failed).rejects.toThrow(/"bad"\)\[1\]/);
    expect(await half.count()).toBe(0);
    await expect(half.search([70_000, 0])).rejects.toThrow(code('ERR_INVALID_ARG'));
    await half.drop();
    await half.close();
  });

  it.each(FILTERS)('refuses a filter: %s', async (_, filter) => {
    for (const call of [
      () => store.search(ones(), { filter: filter as never }),
      () => store.count({ filter: filter as never }),
      () => store.delete({ filter: filter as never }),
    ]) {
      await expect(call()).rejects.toThrow(code('ERR_INVALID_ARG'));
    }
    expect(await store.count()).toBe(1);
  });

  it.each(SEARCHES)('refuses a search: %s', async (_, query, options, expected) => {
    await expect(store.search(query as never, options)).rejects.toThrow(code(expected));
  });

  it('refuses other arguments that make no sense', async () => {
    const calls: [() => Promise<unknown>, string][] = [
      [() => store.create({ dims: 0 }), 'ERR_INVALID_ARG'],
      [() => store.create({ dims: 1e9 }), 'ERR_INVALID_ARG'],
      [() => store.create({ dims: 4, metric: 'manhattan' as never }), 'ERR_INVALID_ARG'],
      [() => store.create({ dims: 4, dtype: 'f64' as never }), 'ERR_INVALID_ARG'],
      [() => store.create({ dims: 4, metric: 'hamming' }), 'ERR_INVALID_ARG'],
      [() => store.create({ dims: 4, index: { type: 'magic' as never } }), 'ERR_INVALID_ARG'],
      [() => store.create(undefined as never), 'ERR_INVALID_ARG'],
      [() => store.upsert('records' as never), 'ERR_INVALID_ARG'],
      [() => store.upsert(null as never), 'ERR_INVALID_ARG'],
      [() => store.upsert([], { batchSize: 0 }), 'ERR_INVALID_ARG'],
      [() => store.get('there' as never), 'ERR_INVALID_ARG'],
      [() => store.get([1] as never), 'ERR_INVALID_ARG'],
      [() => store.delete('there' as never), 'ERR_INVALID_ARG'],
      [() => store.delete({ filter: undefined } as never), 'ERR_INVALID_ARG'],
      [() => store.delete(null as never), 'ERR_INVALID_ARG'],
      [() => store.scroll({ batchSize: 0 }).next(), 'ERR_INVALID_ARG'],
      [() => store.scroll({ after: '' }).next(), 'ERR_INVALID_ARG'],
      [() => target.open(newCollection(), { embedder: {} as never }), 'ERR_INVALID_ARG'],
    ];
    for (const [call, expected] of calls) await expect(call()).rejects.toThrow(code(expected));
    expect(await store.count()).toBe(1);
  });

  it('does nothing for a signal that has fired', async () => {
    const signal = AbortSignal.abort(new Error('no more'));
    const calls = [
      () => store.create({ dims: DIMS, metric, signal }),
      () => store.upsert([record({})], { signal }),
      () => store.search(ones(), { signal }),
      () => store.get(['there'], { signal }),
      () => store.delete(['there'], { signal }),
      () => store.count({ signal }),
      () => store.scroll({ signal }).next(),
      () => store.drop({ signal }),
    ];
    for (const call of calls) {
      const error = await call().then(
        () => undefined,
        (failure: unknown) => failure,
      );
      expect(error).toBeInstanceOf(EmbedlaneError);
      expect(error).toMatchObject({ code: 'ERR_ABORTED' });
    }
    expect(await store.count()).toBe(1);
  });

  it('does nothing once it is closed', async () => {
    const closed = await target.open(newCollection());
    const counting = closed.info();
    await Promise.all([closed.close(), closed.close()]);
    await expect(counting).resolves.toBeUndefined();
    const calls = [
      () => closed.create({ dims: DIMS, metric }),
      () => closed.info(),
      () => closed.upsert([record({})]),
      () => closed.search(ones()),
      () => closed.get(['there']),
      () => closed.delete(['there']),
      () => closed.count(),
      () => closed.scroll().next(),
      () => closed.drop(),
    ];
    for (const call of calls) await expect(call()).rejects.toThrow(code('ERR_CLOSED'));
    await closed[Symbol.asyncDispose]();
  });

  it('closes after the calls under way, whatever they still have to ask for', async () => {
    const ids = Array.from({ length: 1500 }, (_, i) => (i === 1400 ? 'there' : `none-${i}`));
    const calls: ((closing: VectorStore) => Promise<unknown>)[] = [
      (closing) => closing.count(),
      async (closing) => (await closing.search(ones())).length,
      async (closing) => (await closing.get(ids)).filter((found) => found !== undefined).length,
      async (closing) => 1 + (await closing.delete(['nobody'])),
    ];
    for (const call of calls) {
      const name = newCollection();
      const made = await target.open(name);
      await made.create({ dims: DIMS, metric });
      await made.upsert([{ id: 'there', vector: ones() }]);
      await made.close();
      const closing = await target.open(name);
      const answer = call(closing);
      await closing.close();
      expect(await answer).toBe(1);
      await expect(call(closing)).rejects.toThrow(code('ERR_CLOSED'));
    }
  });
}
