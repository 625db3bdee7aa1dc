import { progress, progressDone } from '../lib/progress.mjs';
import { median, medianRatio } from '../lib/stats.mjs';
import { heading, number, table, times } from '../lib/table.mjs';
import { chosen, DTYPE, OURS, paragraphs, ROUNDS, start, stopAll } from './settings.mjs';

const TEXTS = chosen.quick ? 64 : 256;
/** Runs of all texts, with certainty enough for the team of lanes to start and be there. */
const GROWING = 4;
/** All but the last are one session of onnxruntime in one process, and differ in their batches alone. */
const POLICIES = [
  { name: 'one by one', policy: { batch: 1 } },
  { name: '32 in order', policy: { batch: 32 } },
  { name: '32, sorted', policy: { batch: 32, sorted: true } },
  { name: '1,024 tokens, sorted', policy: { budget: 1024, sorted: true } },
  { name: OURS, file: 'contenders/text-embedlane.mjs', threads: undefined, untimed: GROWING },
];

/** Throughput of mixed paragraphs by how batches are formed. */
export async function measure() {
  const texts = paragraphs.slice(0, TEXTS);
  const contenders = [];
  const seconds = new Map(POLICIES.map(({ name }) => [name, []]));
  try {
    for (const { name, file = 'contenders/text-plain.mjs', untimed = 1, ...more } of POLICIES) {
      progress(`warming up ${name}`);
      contenders.push(await start(name, file, more));
      for (let run = 0; run < untimed; run++) await contenders.at(-1).call('warm', { texts });
    }
    for (let round = 0; round < ROUNDS; round++) {
      for (const contender of contenders) {
        progress(`round ${round + 1} of ${ROUNDS}: ${contender.name}`);
        await contender.call('warm', { texts: texts.slice(0, 64) });
        seconds.get(contender.name).push((await contender.call('round', { texts })).seconds);
      }
    }
  } finally {
    progressDone();
    await stopAll(contenders);
  }
  heading(`${TEXTS} mixed paragraphs, by how batches are formed, ${DTYPE}`);
  const results = POLICIES.map(({ name }) => ({
    ...{ name, rate: TEXTS / median(seconds.get(name)) },
    ratio: medianRatio(seconds.get(name), seconds.get(OURS)),
  }));
  const rows = results.map(({ name, rate, ratio }) => [name, number(rate), times(ratio)]);
  console.log(table(['batches', 'texts/s', 'ours is'], rows));
  return results;
}
