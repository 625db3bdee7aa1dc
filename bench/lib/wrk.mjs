/**
 * Load by wrk (https://github.com/wg/wrk), where it is installed: of the processors that it shares with the server under
 * test it takes two thirds of what the least client in JavaScript takes.
 */
import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { machineBusySeconds } from './proc.mjs';

const script = fileURLToPath(new URL('wrk.lua', import.meta.url));

/** wrk ends with 1 when it is asked for its version. */
export const hasWrk = spawnSync('wrk', ['-v']).error === undefined;

/** Seconds; wrk counts a slower answer as failed, and its default of 2 is less than some contenders' slowest. */
const TIMEOUT = 60;

let sent = 0;

/**
 * Keeps `connections` requests in progress for `seconds`, rounded up since wrk knows whole ones only, each with the next
 * of `bodies`.
 *
 * @returns as {@link loadHttp} does, without `cpu`
 */
export async function loadByWrk(url, bodies, connections, seconds) {
  const folder = mkdtempSync(join(tmpdir(), 'embedlane-wrk-'));
  try {
    const file = join(folder, 'bodies');
    writeFileSync(file, bodies.map((body) => `${body}\n`).join(''));
    const before = machineBusySeconds();
    const { stdout } = await promisify(execFile)(
      'wrk',
      ['-t1', `-c${connections}`, `-d${Math.ceil(seconds)}s`, `--timeout=${TIMEOUT}s`, `-s${script}`, url],
      { env: { ...process.env, BODIES: file, FIRST: String(sent) } },
    );
    const busy = 1e6 * (machineBusySeconds() - before);
    const { count, failed, duration, p50, p99, own } = JSON.parse(stdout.trim().split('\n').at(-1));
    sent += count + failed;
    return {
      ...{ requests: (1e6 * count) / duration, count, failed },
      ...{ busy: busy / count, own: own / count },
      ...{ p50: p50 / 1000, p99: p99 / 1000 },
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
