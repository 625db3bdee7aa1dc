import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { until } from '#dist/core/stream-parts.js';

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
