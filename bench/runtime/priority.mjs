import { watchLoop } from '../lib/loop.mjs';
import { percentile } from '../lib/stats.mjs';
import { heading, number, table } from '../lib/table.mjs';
import { load, paragraphs, questions, SECONDS } from './settings.mjs';

async function askFor(model, seconds) {
  const latencies = [];
  const end = performance.now() + 1000 * seconds;
  for (let i = 0; performance.now() < end; i++) {
    const sent = performance.now();
    await model.encode(questions[i % questions.length]);
    latencies.push(performance.now() - sent);
  }
  latencies.sort((a, b) => a - b);
  return { count: latencies.length, p50: percentile(latencies, 0.5), p99: percentile(latencies, 0.99) };
}

/** One caller after the other, alone and while a bulk job runs. */
export async function measure() {
  const model = await load();
  try {
    await model.encode(paragraphs);
    const idle = await askFor(model, SECONDS);
    const stop = new AbortController();
    // Never ends by itself.
    const many = Array.from({ length: 200 }, () => paragraphs).flat();
    const bulk = model.encode(many, { signal: stop.signal }).catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 300));
    const { value: busy, loop } = await watchLoop(() => askFor(model, 2 * SECONDS));
    stop.abort();
    await bulk;
    heading(`a query, idle and beside a bulk job of ${many.length} paragraphs`);
    const row = (name, { p50, p99, count }) => [name, count, number(p50), number(p99)];
    console.log(table(['', 'queries', 'p50 ms', 'p99 ms'], [row('idle', idle), row('beside the job', busy)]));
    console.log(`event loop beside the job: p99 ${number(loop.p99)} ms`);
    return { idle, busy, loop };
  } finally {
    await model.close();
  }
}

export function goals({ idle, busy, loop }) {
  return [
    { label: 'query beside a bulk job, p99 against idle', measured: busy.p99 / idle.p99, goal: '≤ 3×' },
    { label: 'event loop beside a bulk job, p99', measured: loop.p99, unit: ' ms', goal: '≤ 3 ms' },
  ];
}
