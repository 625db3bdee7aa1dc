import { availableParallelism } from 'node:os';
import { progress, progressDone } from '../lib/progress.mjs';
import { median } from '../lib/stats.mjs';
import { heading, number, table } from '../lib/table.mjs';
import { chosen, DTYPE, load, paragraphs, ROUNDS } from './settings.mjs';

const BUDGETS = chosen.quick ? [256, 512] : [128, 256, 512, 768, 1024, 2048, 4096];
/** As many as embedlane comes to by itself, there at once. */
const LANES = Math.min(4, availableParallelism());

/** Throughput of 512 mixed paragraphs against the size of batches. */
export async function measure() {
  const seconds = new Map(BUDGETS.map((budget) => [budget, []]));
  const models = new Map();
  try {
    for (const budget of BUDGETS) models.set(budget, await load({ tokenBudget: budget, lanes: LANES }));
    for (let round = 0; round < ROUNDS + 1; round++) {
      for (const budget of BUDGETS) {
        progress(`round ${round} of ${ROUNDS}: batches of ${budget} tokens`);
        const started = performance.now();
        await models.get(budget).encode(paragraphs);
        // The first is warm-up.
        if (round > 0) seconds.get(budget).push((performance.now() - started) / 1000);
      }
    }
    progressDone();
    const results = BUDGETS.map((budget) => {
      const { batches, paddingRatio, batchFill } = models.get(budget).stats();
      const rate = paragraphs.length / median(seconds.get(budget));
      return { budget, rate, paddingRatio, batchFill, batches: batches / (ROUNDS + 1) };
    });
    heading(`512 mixed paragraphs, by token budget, ${DTYPE}`);
    const rows = results.map((r) => [
      r.budget,
      number(r.rate),
      number(r.paddingRatio),
      number(r.batchFill),
      number(r.batches),
    ]);
    console.log(table(['budget', 'texts/s', 'padding', 'fill', 'runs'], rows));
    return results;
  } finally {
    await Promise.all([...models.values()].map((model) => model.close()));
  }
}
