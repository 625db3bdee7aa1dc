import { expect, it } from 'vitest';
import { CrossEncoder } from '#dist/index.js';
import { planTeam } from '#dist/runtime/index.js';
import { fixture } from '../text/goldens.js';
import { childrenOf, hasProc } from '../text/processes.js';

const MODEL = fixture('models/tiny-crossencoder');
/** As the model of this size would have here. */
const team = planTeam(1e6);

it.runIf(hasProc && team)(
  'a reranker with much to do gets a team, which gives the same scores',
  async () => {
    const others = new Set(childrenOf(process.pid));
    const lanes = () => childrenOf(process.pid).filter((pid) => !others.has(pid)).length;
    const pairs = Array.from({ length: 2000 }, (_, i): [string, string] => ['a', 'word '.repeat(i % 40)]);
    const one = await CrossEncoder.load(MODEL, { lanes: 1 });
    const expected = await one.predict(pairs);
    await one.close();

    const model = await CrossEncoder.load(MODEL);
    try {
      expect(lanes()).toBe(1);
      const stop = new AbortController();
      const endless = model.predict(Array.from({ length: 100 }, () => pairs).flat(), { signal: stop.signal });
      endless.catch(() => {});
      await expect.poll(lanes, { timeout: 60_000 }).toBe(1 + (team?.lanes ?? 0));
      stop.abort();
      const actual = await model.predict(pairs);
      expect(actual.length).toBe(expected.length);
      const worst = actual.reduce((most, score, i) => Math.max(most, Math.abs(score - expected[i])), 0);
      expect(worst).toBeLessThan(1e-5);
      expect(await model.rank('a', ['b', 'a'])).toHaveLength(2);
    } finally {
      await model.close();
    }
    await expect.poll(lanes).toBe(0);
  },
  120_000,
);
