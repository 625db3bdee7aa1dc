import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { outcome } from '../outcome.js';
import { FILES, NEEDED, startHub } from './support.js';

/** A Python with huggingface_hub: EMBEDLANE_PYTHON, that of scripts/install-servers.mjs, the benchmarks' or the system's. */
const PYTHON = [
  process.env.EMBEDLANE_PYTHON,
  'build-servers/hub/bin/python',
  'bench/peers/.venv/bin/python',
  'python3',
].find((python) => python !== undefined && spawnSync(python, ['-c', 'import huggingface_hub']).status === 0);
if (!PYTHON)
  console.warn(
    'SKIPPED: no Python with huggingface_hub; run scripts/install-servers.mjs to test the shared cache',
  );

const hub = startHub();

/** Runs Python code with huggingface_hub on this test's cache and server; returns what it prints. */
async function python(code: string, env: Record<string, string> = {}): Promise<string> {
  const child = spawn(PYTHON as string, ['-c', `from huggingface_hub import *\n${code}`], {
    env: {
      ...process.env,
      HF_ENDPOINT: hub.server.url,
      HF_HUB_CACHE: hub.cacheDir,
      HF_HUB_DISABLE_PROGRESS_BARS: '1',
      HF_HUB_DISABLE_TELEMETRY: '1',
      HF_HUB_DISABLE_XET: '1',
      ...env,
    },
    stdio: 'pipe',
  });
  const { stdout, stderr, code: status } = await outcome(child);
  expect(status, stderr).toBe(0);
  return stdout.trim();
}

describe.skipIf(!PYTHON)('with Python’s huggingface_hub', () => {
  it('a cache that Python wrote is used as it is, offline', async () => {
    const folder = await python("print(snapshot_download('org/model'))");
    hub.server.seen.length = 0;
    const location = await hub.resolve('org/model', { localFilesOnly: true });
    expect(location.folder).toBe(folder);
    expect((await hub.resolve('org/model')).folder).toBe(folder);
    expect(hub.server.seen).toEqual([]);
  });

  it('a cache with single files that Python wrote is completed', async () => {
    const file = await python("print(hf_hub_download('org/model', 'onnx/model.onnx'))");
    const { folder } = await hub.resolve('org/model');
    expect(file).toBe(join(folder, 'onnx/model.onnx'));
    expect(hub.server.downloads('/model.onnx').filter(({ host }) => host === 'cdn').length).toBe(1);
    for (const path of NEEDED) expect(existsSync(join(folder, path)), path).toBe(true);
  });

  it('a cache that we wrote is used by Python as it is, offline', async () => {
    const { folder } = await hub.resolve('org/model');
    const code = `import json; print(json.dumps([hf_hub_download('org/model', f) for f in ${JSON.stringify(NEEDED)}]))`;
    hub.server.seen.length = 0;
    const files = JSON.parse(await python(code, { HF_HUB_OFFLINE: '1' })) as string[];
    expect(files).toEqual(NEEDED.map((path) => join(folder, path)));
    expect(hub.server.seen).toEqual([]);
    const snapshot = `print(snapshot_download('org/model', allow_patterns=${JSON.stringify(NEEDED)}))`;
    expect(await python(snapshot, { HF_HUB_OFFLINE: '1' })).toBe(folder);
  });

  it('Python completes what we began, and fetches nothing twice', async () => {
    const { folder } = await hub.resolve('org/model');
    expect(await python("print(snapshot_download('org/model'))")).toBe(folder);
    for (const [path, content] of Object.entries(FILES)) {
      expect((await readFile(join(folder, path))).equals(Buffer.from(content)), path).toBe(true);
    }
    expect(hub.server.downloads('/model.onnx').filter(({ host }) => host === 'cdn').length).toBe(1);
  });

  it('Python’s own scan of the cache finds no fault with ours', async () => {
    await hub.resolve('org/model');
    const code =
      'i = scan_cache_dir(); print([str(w) for w in i.warnings], [(r.repo_id, [sorted(v.refs) for v in r.revisions]) for r in i.repos])';
    expect(await python(code)).toBe("[] [('org/model', [['main']])]");
  });

  it('both at the same time leave one whole cache', async () => {
    hub.server.fault = ({ host }) => (host === 'cdn' ? { slow: { bytes: 30_000, pause: 10 } } : undefined);
    const [theirs, ours] = await Promise.all([
      python("print(snapshot_download('org/model'))"),
      hub.resolve('org/model'),
    ]);
    expect(ours.folder).toBe(theirs);
    // Each waits for the other where both want the same file.
    for (const path of NEEDED.filter((name) => /\.(onnx|onnx_data)$/.test(name))) {
      expect(hub.server.downloads(path).filter(({ host }) => host === 'cdn').length, path).toBe(1);
    }
    for (const path of NEEDED) {
      const content = Buffer.from(FILES[path as keyof typeof FILES]);
      expect((await readFile(join(theirs, path))).equals(content), path).toBe(true);
    }
  });

  it('without links, as on Windows, a cache that Python wrote is used', async () => {
    const env = { HF_HUB_DISABLE_SYMLINKS: '1' };
    const folder = await python("print(snapshot_download('org/model'))", env);
    await rm(join(hub.cacheDir, '.locks'), { recursive: true, force: true });
    hub.server.seen.length = 0;
    expect((await hub.resolve('org/model')).folder).toBe(folder);
    expect((await hub.resolve('org/model', {}, { verify: true })).folder).toBe(folder);
    expect(hub.server.downloads()).toEqual([]);
  });
});
