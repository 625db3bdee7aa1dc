import { SingleBar } from 'cli-progress';
import type { DownloadProgress } from '../../hub/index.js';
import { bytes, count, duration, rate } from './format.js';

/** Shows how far long work has come: a bar on a terminal, nothing anywhere else. */
export interface ProgressBar {
  update(completed: number): void;
  /** Takes it away until the next update: results are about to be written that may go to the same terminal. */
  clear(): void;
  stop(): void;
}

/** Shows nothing: for where there is no terminal, or where the results themselves go there. */
export const NO_BAR: ProgressBar = { update() {}, clear() {}, stop() {} };

/** What the library has of a terminal. */
interface Terminal {
  cursorRestore(): void;
  cursorTo(x: number, y: null): void;
  clearLine(): void;
}

/**
 * Starts a bar with rate and time left on stderr, so that stdout stays clean for results.
 *
 * @param label what is being done, for example `Embedding`
 * @param unit plural of the things counted, for example `passages`
 * @param total how many there are, or 0 when that is not known (then no bar and no time left is shown)
 * @param start how many were done before, which tells nothing of the rate
 */
export function startProgressBar(label: string, unit: string, total: number, start = 0): ProgressBar {
  return startBar(label, total, start, {
    amount: (value, of) => `${count(value)}${of === 0 ? '' : `/${count(of)}`} ${unit}`,
    speed: (perSecond) => `${perSecond > 0 ? rate(perSecond) : '…'} ${unit}/s`,
  });
}

/** {@link startProgressBar} for bytes that arrive, which starts with the first of them. */
export function downloadBar(): { onProgress: (progress: DownloadProgress) => void; stop(): void } {
  let bar: ProgressBar | undefined;
  let total = 0;
  return {
    onProgress: (progress) => {
      // A model comes in several rounds: what one file says decides which others are needed.
      if (progress.total !== total) bar?.stop();
      if (progress.total !== total) {
        total = progress.total;
        bar = startBar('Downloading', total, 0, {
          amount: (value, of) => `${bytes(value)}/${bytes(of)}`,
          speed: (perSecond) => `${perSecond > 0 ? bytes(perSecond) : '…'}/s`,
        });
      }
      bar?.update(progress.completed);
    },
    stop: () => bar?.stop(),
  };
}

/** How a bar words what it counts. */
interface Wording {
  amount(value: number, total: number): string;
  speed(perSecond: number): string;
}

function startBar(label: string, total: number, start: number, { amount, speed }: Wording): ProgressBar {
  if (!process.stderr.isTTY) return NO_BAR;
  const started = performance.now();
  const bar = new SingleBar({
    stream: process.stderr,
    clearOnComplete: true,
    // Nothing of the terminal is changed that a process which is killed would leave so: too long a bar is cut off.
    hideCursor: false,
    linewrap: true,
    fps: 8,
    // The library's own estimate forgets everything older than a few updates; windows of texts arrive unevenly.
    format: (_options, params, payload: { elapsed?: number }) => {
      const elapsed = payload.elapsed ?? 0;
      const perSecond = elapsed > 0 ? ((params.value - start) / elapsed) * 1000 : 0;
      if (total === 0) return `${label}  ${amount(params.value, 0)}  ${speed(perSecond)}`;
      const width = 28;
      const filled = Math.round(params.progress * width);
      const left = perSecond > 0 ? `${duration(((total - params.value) / perSecond) * 1000)} left` : '';
      const drawn = '█'.repeat(filled) + '░'.repeat(width - filled);
      return `${label} ${drawn} ${amount(params.value, total)}  ${speed(perSecond)}  ${left}`;
    },
  });
  const { terminal } = bar as unknown as { terminal: Terminal };
  // The bar is one line. To go back to where it began would erase what came to the terminal after it.
  terminal.cursorRestore = () => {};
  bar.start(total, start, { elapsed: 0 });
  const stop = () => {
    process.off('exit', stop);
    bar.stop();
  };
  // The reader of stdout may have seen enough.
  process.on('exit', stop);
  return {
    update: (completed) => bar.update(completed, { elapsed: performance.now() - started }),
    clear() {
      terminal.cursorTo(0, null);
      terminal.clearLine();
    },
    stop,
  };
}
