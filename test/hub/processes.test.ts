import { type ChildProcess, spawn } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { outcome } from '../outcome.js';
import { sha256 } from './server.js';
import { FILES, NEEDED, startHub } from './support.js';

const SCRIPT = fileURLToPath(new URL('resolve-process.mjs', import.meta.url));
const MODEL = FILES['onnx/model.onnx'];
const hub = startHub();

function start(prefix: string[] = [], env: NodeJS.ProcessEnv = {}): ChildProcess {
  const options = JSON.stringify({ endpoint: hub.server.url, cacheDir: hub.cacheDir });
  const [command, ...args] = [...prefix, process.execPath, SCRIPT, 'org/model', options];
  return spawn(command, args, { stdio: 'pipe', env: { ...process.env, ...env } });
}

async function result(child: ChildProcess): Promise<{ folder?: string; code?: string; message?: string }> {
  const { stdout, stderr } = await outcome(child);
  expect(stderr).toBe('');
  return JSON.parse(stdout) as { folder?: string };
}

const blobs = () => readdir(join(hub.cacheDir, 'models--org--model/blobs')).catch((): string[] => []);

describe('several processes', () => {
  it('download each file once between them', async () => {
    hub.server.fault = ({ host }) => (host === 'cdn' ? { slow: { bytes: 30_000, pause: 20 } } : undefined);
    const results = await Promise.all(Array.from({ length: 4 }, () => result(start())));
    const folders = new Set(results.map(({ folder }) => folder));
    expect(folders.size).toBe(1);
    const [folder] = [...folders];
    expect((await readFile(join(folder as string, 'onnx/model.onnx'))).equals(MODEL)).toBe(true);
    const contents = hub.server
      .downloads()
      .filter(({ host, path }) => host === 'cdn' || !/\.(onnx|onnx_data|safetensors)$/.test(path));
    expect(contents.map(({ path }) => path.split('/').slice(-2).join('/')).length).toBe(NEEDED.length);
    expect((await blobs()).length).toBe(NEEDED.length);
  });

  // Without the addon there are no locks, as on some network file systems.
  it('that cannot lock do no harm to each other', async () => {
    let requests = 0;
    hub.server.fault = ({ host, path }) =>
      host === 'cdn' && path.endsWith('/model.onnx')
        ? { ignoreRange: true, slow: { bytes: 30_000, pause: 20 + 40 * requests++ } }
        : undefined;
    const others = Array.from({ length: 3 }, async (_, index) => {
      await pause(100 * index);
      const { folder, message } = await result(start([], { EMBEDLANE_BACKEND: 'typescript' }));
      expect(folder, message).toBeDefined();
      // At once: the others are not done yet.
      return (await readFile(join(folder as string, 'onnx/model.onnx'))).equals(MODEL);
    });
    expect(await Promise.all(others)).toEqual([true, true, true]);
    expect((await blobs()).filter((name) => name.endsWith('.incomplete'))).toEqual([]);
  });

  // Without the addon there are no locks, and each has a file of its own.
  it.each(['native', 'typescript'])('take over the work of one that is killed: %s', async (backend) => {
    const environment = { EMBEDLANE_BACKEND: backend };
    hub.server.fault = ({ path, host }) =>
      host === 'cdn' && path.endsWith('/model.onnx') ? { slow: { bytes: 10_000, pause: 30 } } : undefined;
    const victim = start([], environment);
    const end = outcome(victim);
    const partial = async () =>
      (await blobs()).filter((name) => name.startsWith(sha256(MODEL)) && name.endsWith('.incomplete')).length;
    while ((await partial()) === 0 || hub.server.downloads('/model.onnx').length < 2) await pause(20);
    await pause(150);
    victim.kill('SIGKILL');
    await end;
    expect(await partial()).toBe(1);
    hub.server.fault = () => undefined;
    const { folder } = await result(start([], environment));
    expect((await readFile(join(folder as string, 'onnx/model.onnx'))).equals(MODEL)).toBe(true);
    expect(hub.server.downloads('/model.onnx').at(-1)?.headers.range).toMatch(/^bytes=[1-9]\d*-$/);
    expect(await partial()).toBe(0);
  });

  const limited = process.platform === 'win32' ? it.skip : it;
  limited('end with an error when the disk takes no more', async () => {
    // 200 blocks of 1 KiB per file: the ONNX file is larger.
    const refused = await result(start(['bash', '-c', 'ulimit -f 200; exec "$@"', 'limited']));
    expect(refused).toMatchObject({
      code: 'ERR_IO',
      message: expect.stringMatching(/EFBIG.*free some/) as string,
    });
    const file = /room for (\S+) /.exec(refused.message ?? '')?.[1] as keyof typeof FILES;
    expect(await blobs()).not.toContain(`${sha256(FILES[file] as Buffer)}.embedlane.incomplete`);
    expect((await result(start())).folder).toBeDefined();
  });
});

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
