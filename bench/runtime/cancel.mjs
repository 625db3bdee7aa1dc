import { heading, number } from '../lib/table.mjs';
import { load, paragraphs, questions } from './settings.mjs';

/** What 1,000 calls cost that are aborted while they wait. */
export async function measure() {
  const model = await load();
  try {
    await model.encode(paragraphs);
    const before = model.stats().texts;
    const blocking = model.encode(paragraphs.slice(0, 8));
    const stops = Array.from({ length: 1000 }, () => new AbortController());
    const calls = stops.map(({ signal }, i) => model.encode(`${i} ${questions[i % 512]}`, { signal }));
    const settled = Promise.allSettled(calls);
    await new Promise((resolve) => setImmediate(resolve));
    const started = performance.now();
    for (const stop of stops) stop.abort();
    const milliseconds = (performance.now() - started) / stops.length;
    await settled;
    await blocking;
    await model.encode('after');
    const computed = model.stats().texts - before - 9;
    heading('1,000 calls aborted while they wait');
    console.log(`${number(milliseconds * 1000)} µs each, ${computed} computed`);
    return { milliseconds, computed };
  } finally {
    await model.close();
  }
}

export function goals({ milliseconds }) {
  return [{ label: 'aborting a queued call', measured: milliseconds, unit: ' ms', goal: '< 1 ms' }];
}
