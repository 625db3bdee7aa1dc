import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { outcome } from '../outcome.js';
import { fixture } from '../text/goldens.js';
import { cli, jsonLines, startCli, temporaryFolder } from './support.js';

const MODEL = ['--model', fixture('models/tiny-static')];

/** Goes to the beginning of the line and clears it. */
const ERASED = '\x1b[1G\x1b[2K';

/** Makes a process take its streams for terminals. */
function terminals(...streams: ('stdout' | 'stderr')[]) {
  const code = streams.map((stream) => `process.${stream}.isTTY=true`).join(';');
  return { NODE_OPTIONS: `--import=data:text/javascript,${code}` };
}

it('shows vectors and no bar where both would go to one terminal', async () => {
  const { stdout, stderr } = await cli(['embed', 'hello', ...MODEL], { env: terminals('stdout', 'stderr') });
  expect(jsonLines(stdout)).toHaveLength(1);
  expect(stderr).toBe('');
});

it('takes the bar away before it writes to a pipe, whose reader may write to the terminal', async () => {
  const { stdout, stderr } = await cli(['embed', 'hello', ...MODEL], { env: terminals('stderr') });
  expect(jsonLines(stdout)).toHaveLength(1);
  expect(stderr).toContain('0/1 texts');
  expect(stderr).toContain(ERASED);
});

it('takes the bar away when the reader of a pipe goes away', async () => {
  const child = startCli(['embed', '--batch', '1', ...MODEL], terminals('stderr'));
  const ended = outcome(child);
  child.stdin.on('error', () => {});
  child.stdin.write('one\n');
  await once(child.stdout, 'data');
  child.stdout.destroy();
  const timer = setInterval(() => child.stdin.write('more\n'), 20);
  const { code, stderr } = await ended;
  clearInterval(timer);
  expect(code).toBe(0);
  expect(stderr.endsWith(ERASED)).toBe(true);
});

it('prints questions in bold on a terminal, unless NO_COLOR says otherwise', async () => {
  const folder = await temporaryFolder();
  const index = join(folder, 'index');
  await mkdir(join(folder, 'texts'));
  await writeFile(join(folder, 'texts', 'a.md'), 'A cat sleeps.\n');
  expect((await cli(['index', join(folder, 'texts'), '--index', index, ...MODEL])).status).toBe(0);
  const search = (env: Record<string, string>) =>
    cli(['search', 'cat', '--index', index], { env: { TERM: 'xterm', NO_COLOR: '', ...env } });
  expect((await search(terminals('stdout'))).stdout).toContain('\x1b[1m? cat\x1b[22m\n');
  expect((await search({ ...terminals('stdout'), NO_COLOR: '1' })).stdout).toMatch(/^\? cat\n/);
  expect((await search({ ...terminals('stdout'), TERM: 'dumb' })).stdout).toMatch(/^\? cat\n/);
});

it('says that it was interrupted as JSON where JSON was asked for', async () => {
  let interrupt = () => {};
  const silent = createServer(() => interrupt());
  await once(silent.listen(0, '127.0.0.1'), 'listening');
  const HF_ENDPOINT = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
  const child = startCli(['pull', 'org/model', '--json'], {
    HF_ENDPOINT,
    HF_HOME: await temporaryFolder(),
    HF_HUB_OFFLINE: '',
  });
  interrupt = () => child.kill('SIGINT');
  const { code, stderr } = await outcome(child);
  silent.closeAllConnections();
  silent.close();
  expect(code).toBe(130);
  expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'ERR_ABORTED' } });
});
