import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { inParts, until } from '#dist/core/stream-parts.js';

it('keeps no item that it has handed out, however long the stream', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const items: WeakRef<object>[] = [];
  async function* endless() {
    for (;;) {
      const item = { number: items.length };
      items.push(new WeakRef(item));
      yield item;
    }
  }
  for await (const { number } of until(endless(), new AbortController().signal)) {
    // A weak reference lives until the end of the turn of the event loop that it was made in.
    if (number % 100 === 0) await new Promise(setImmediate);
    if (number === 1000) break;
    if (number !== 999) continue;
    collect();
    expect(items.filter((item) => item.deref() !== undefined).length).toBeLessThan(110);
  }
});

it('lets the event loop turn while it reads a large part from a source that has everything at hand', async () => {
  let turns = 0;
  let isOver = false;
  const count = () => {
    turns++;
    if (!isOver) setImmediate(count);
  };
  setImmediate(count);
  const items = Array.from({ length: 50_000 }, (_, i) => i);
  const parts: number[][] = [];
  const work = async (part: number[]) => part;
  const options = { window: 20_000, signal: undefined, check() {}, work };
  for await (const part of inParts(items, options)) parts.push(part);
  isOver = true;
  expect(parts.map(({ length }) => length)).toEqual([20_000, 20_000, 10_000]);
  expect(parts.flat()).toEqual(items);
  expect(turns).toBeGreaterThan(20);
});

it('ends the wait for a source whose promises are not of this realm', async () => {
  const silent = runInNewContext('new Promise(() => {})') as Promise<IteratorResult<string>>;
  const source = { [Symbol.asyncIterator]: () => ({ next: () => silent }) };
  const stop = new AbortController();
  const waiting = until(source, stop.signal).next();
  setImmediate(() => stop.abort());
  await expect(waiting).rejects.toMatchObject({ code: 'ERR_ABORTED' });
});

it.each([
  ['at once', () => Promise.reject(new Error('of the source'))],
  [
    'by an exception',
    () => {
      throw new Error('of the source');
    },
  ],
])('tells why a source failed, %s, and does not leave it once more', async (_, next) => {
  let left = 0;
  const leave = () => {
    left++;
    throw new Error('of leaving');
  };
  const source = { [Symbol.asyncIterator]: () => ({ next, return: leave }) };
  await expect(until<string>(source, undefined).next()).rejects.toThrow('of the source');
  expect(left).toBe(0);
});
