import { SingleBar } from 'cli-progress';
import { count, duration, rate } from './format.js';

/** Shows how far long work has come: a bar on a terminal, nothing anywhere else. */
export interface ProgressBar {
  update(completed: number): void;
  stop(): void;
}

const SILENT: ProgressBar = { update() {}, stop() {} };

/**
 * Starts a bar with rate and time left on stderr, so that stdout stays clean for results.
 *
 * @param label what is being done, for example `Embedding`
 * @param unit plural of the things counted, for example `passages`
 * @param total how many there are, or 0 when that is not known (then no bar and no time left is shown)
 */
export function startProgressBar(label: string, unit: string, total: number): ProgressBar {
  if (!process.stderr.isTTY) return SILENT;
  const started = performance.now();
  const bar = new SingleBar({
    stream: process.stderr,
    clearOnComplete: true,
    hideCursor: true,
    fps: 8,
    // The library's own estimate forgets everything older than a few updates; windows of texts arrive unevenly.
    format: (_options, params, payload: { elapsed?: number }) => {
      const elapsed = payload.elapsed ?? 0;
      const perSecond = elapsed > 0 ? (params.value / elapsed) * 1000 : 0;
      const speed = perSecond > 0 ? `${rate(perSecond)} ${unit}/s` : `… ${unit}/s`;
      if (total === 0) return `${label}  ${count(params.value)} ${unit}  ${speed}`;
      const width = 28;
      const filled = Math.round(params.progress * width);
      const left = perSecond > 0 ? `${duration(((total - params.value) / perSecond) * 1000)} left` : '';
      const drawn = '█'.repeat(filled) + '░'.repeat(width - filled);
      return `${label} ${drawn} ${count(params.value)}/${count(total)} ${unit}  ${speed}  ${left}`;
    },
  });
  bar.start(total, 0, { elapsed: 0 });
  return {
    update: (completed) => bar.update(completed, { elapsed: performance.now() - started }),
    stop: () => bar.stop(),
  };
}
