import type { OnProgress } from '../../core/progress.js';
import { count, duration, rate } from './format.js';
import { type ProgressBar, startProgressBar } from './progress-bar.js';

/** Moves records from one place to another with a bar, and says how many there were. */
export async function report(
  label: string,
  { json }: { json?: boolean },
  { from, to }: { from: string; to: string },
  work: (onProgress: OnProgress) => Promise<number>,
): Promise<void> {
  const started = performance.now();
  let bar: ProgressBar | undefined;
  const records = await work(({ completed, total }) => {
    bar ??= startProgressBar(label, 'records', total);
    bar.update(completed);
  }).finally(() => bar?.stop());
  const milliseconds = performance.now() - started;
  const speed = rate(records / (milliseconds / 1000));
  process.stdout.write(
    json
      ? `${JSON.stringify({ from, to, records, milliseconds })}\n`
      : `${count(records)} records from ${from} to ${to} in ${duration(milliseconds)} (${speed} records/s)\n`,
  );
}
