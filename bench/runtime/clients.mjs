import { progress, progressDone } from '../lib/progress.mjs';
import { median, medianRatio } from '../lib/stats.mjs';
import { heading, number, table, times } from '../lib/table.mjs';
import {
  chosen,
  DTYPE,
  OURS,
  PLAIN,
  questions,
  ROUNDS,
  SECONDS,
  startAll,
  stopAll,
  TRANSFORMERS,
} from './settings.mjs';

const CLIENTS = chosen.quick ? [4] : [1, 4, 16, 64];

/** Concurrent callers with one question each, in the process of the model's user. */
export async function measure() {
  const contenders = await startAll();
  const rounds = [];
  try {
    for (let round = 0; round < ROUNDS; round++) {
      for (const count of CLIENTS) {
        for (const contender of contenders) {
          progress(`round ${round + 1} of ${ROUNDS}: ${count} clients, ${contender.name}`);
          await contender.call('warm', { texts: questions.slice(0, 64) });
          const argument = { texts: questions, clients: count, seconds: SECONDS };
          rounds.push({
            contender: contender.name,
            clients: count,
            ...(await contender.call('clients', argument)),
          });
        }
      }
    }
  } finally {
    progressDone();
    await stopAll(contenders);
  }
  const of = (name, count, value) =>
    rounds.filter((round) => round.contender === name && round.clients === count).map(value);
  for (const count of CLIENTS) {
    heading(`${count} callers, one question each, ${DTYPE}`);
    const rows = contenders.map(({ name }) => [
      name,
      number(median(of(name, count, ({ requests }) => requests))),
      times(
        medianRatio(
          of(OURS, count, ({ requests }) => requests),
          of(name, count, ({ requests }) => requests),
        ),
      ),
      number(median(of(name, count, ({ p50 }) => p50))),
      number(median(of(name, count, ({ p99 }) => p99))),
      number(median(of(name, count, ({ loop }) => loop.p99))),
    ]);
    console.log(table(['contender', 'texts/s', 'ours is', 'p50 ms', 'p99 ms', 'loop p99 ms'], rows));
  }
  return rounds;
}

export function goals(rounds) {
  const most = CLIENTS.at(-1);
  const of = (name, value) =>
    rounds.filter((round) => round.contender === name && round.clients === most).map(value);
  return [TRANSFORMERS, PLAIN].flatMap((name) => {
    if (of(name, () => 1).length === 0) return [];
    const ratio = (value) => medianRatio(of(OURS, value), of(name, value));
    return [
      { label: `${most} callers: texts/s against ${name}`, measured: ratio((r) => r.requests), goal: '≥ 2×' },
      { label: `${most} callers: p99 against ${name}`, measured: ratio((r) => r.p99), goal: '< 1×' },
    ];
  });
}
