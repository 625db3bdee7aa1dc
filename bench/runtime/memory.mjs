import { residentBytes } from '../lib/proc.mjs';
import { progress, progressDone } from '../lib/progress.mjs';
import { mean } from '../lib/stats.mjs';
import { heading, number, table } from '../lib/table.mjs';
import { chosen, OURS, paragraphs, startAll, stopAll } from './settings.mjs';

/** Texts. */
const SOAK = Number(chosen.soak ?? (chosen.quick ? 200 : 4000));

/** Megabytes in the second and in the last tenth of a run. */
function tenths(points) {
  const tenth = Math.max(1, Math.floor(points.length / 10));
  const level = (part) => mean(part.map(({ bytes }) => bytes)) / 1e6;
  return [level(points.slice(tenth, 2 * tenth)), level(points.slice(-tenth))];
}

/** Resident memory while mixed lengths go by, in parts of 64 in random order. */
export async function measure() {
  const contenders = await startAll();
  const series = [];
  let state = 1;
  const random = () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return state / 0x80000000;
  };
  try {
    for (const contender of contenders) {
      // The others are here for the shape of their curves, which shows early.
      const total = contender.name === OURS ? SOAK : Math.ceil(SOAK / 4);
      const points = [];
      for (let done = 0; done < total; done += 64) {
        progress(`${contender.name}: ${done} of ${total} texts`);
        const part = Array.from({ length: 64 }, () => paragraphs[Math.floor(random() * paragraphs.length)]);
        await contender.call('warm', { texts: part });
        points.push({ texts: done + 64, bytes: residentBytes(contender.pid) });
      }
      series.push({ contender: contender.name, points });
    }
  } finally {
    progressDone();
    await stopAll(contenders);
  }
  heading('resident memory over mixed lengths, MB');
  const rows = series.map(({ contender, points }) => {
    const [second, last] = tenths(points);
    return [contender, points.at(-1).texts, number(second), number(last), number(last / second)];
  });
  console.log(table(['contender', 'texts', 'second tenth', 'last tenth', 'last / second'], rows));
  return series;
}

export function goals(series) {
  const { points } = series.find(({ contender }) => contender === OURS);
  if (points.length < 20) return [];
  const [second, last] = tenths(points);
  return [
    { label: 'resident memory, last tenth against the second', measured: last / second, goal: '≤ 1.02×' },
  ];
}
