import { spawn, spawnSync } from 'node:child_process';
import { chmod, mkdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, vi } from 'vitest';
import { loadRepairing, onnxModelFiles, pickOnnxFile } from '#dist/hub/index.js';
import { EmbedlaneError } from '#dist/index.js';
import { outcome } from '../outcome.js';
import { sha256 } from './server.js';
import { FILES, startHub } from './support.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const hub = startHub();
const MODEL = FILES['onnx/model.onnx'];
const int8 = onnxModelFiles(({ files, name }) => pickOnnxFile(files, 'int8', name));
const repository = () => join(hub.cacheDir, 'models--org--model');
const blob = (content: Buffer) => join(repository(), 'blobs', sha256(content));

describe('without the network', () => {
  it('what is in the cache is found, and nobody is asked', async () => {
    const { folder } = await hub.resolve('org/model');
    hub.server.seen.length = 0;
    expect((await hub.resolve('org/model', { localFilesOnly: true })).folder).toBe(folder);
    vi.stubEnv('HF_HUB_OFFLINE', '1');
    expect((await hub.resolve('org/model')).folder).toBe(folder);
    expect((await hub.resolve(`org/model@${hub.server.commit('org/model')}`)).folder).toBe(folder);
    expect(hub.server.seen).toEqual([]);
  });

  it('what is not there is an error that says what is missing and how to get it', async () => {
    await expect(hub.resolve('org/model', { localFilesOnly: true })).rejects.toMatchObject({
      code: 'ERR_MODEL_NOT_FOUND',
      message: expect.stringMatching(/not in .*models--org--model.*embedlane pull org\/model/) as string,
    });
    await hub.resolve('org/model', {}, { select: int8 });
    await expect(hub.resolve('org/model', { localFilesOnly: true })).rejects.toMatchObject({
      code: 'ERR_MODEL_NOT_FOUND',
      message: expect.stringMatching(
        /onnx\/model\.onnx, .*missing \(here: .*onnx\/model_quantized\.onnx/,
      ) as string,
    });
    await expect(hub.resolve('org/model@v1.0', { localFilesOnly: true })).rejects.toMatchObject({
      code: 'ERR_MODEL_NOT_FOUND',
    });
    expect(await hub.resolve('org/model', { localFilesOnly: true }, { select: int8 })).toBeDefined();
  });

  it('a snapshot without a listing serves what it has', async () => {
    const { folder } = await hub.resolve('org/model', {}, { select: int8 });
    await rm(join(repository(), 'trees'), { recursive: true });
    // With the default dtype too: nothing here says that there are others.
    expect((await hub.resolve('org/model', { localFilesOnly: true })).folder).toBe(folder);
    // The same where the hub is out of reach and nobody has said so.
    hub.server.fault = () => ({ status: 503 });
    expect((await hub.resolve('org/model')).folder).toBe(folder);
  });

  it('a damaged listing is none', async () => {
    const { folder } = await hub.resolve('org/model');
    const tree = join(repository(), 'trees', `${hub.server.commit('org/model')}.json`);
    for (const damage of [
      '{',
      '{"format_version":2,"files":{}}',
      '{"format_version":1,"files":{"../../x":{"size":1,"blob_id":"y"}}}',
    ]) {
      await writeFile(tree, damage);
      expect((await hub.resolve('org/model', { localFilesOnly: true })).folder).toBe(folder);
    }
    await hub.resolve('org/model');
    expect(Object.keys((JSON.parse(await readFile(tree, 'utf8')) as { files: object }).files)).toContain(
      'onnx/model.onnx',
    );
  });
});

describe('a damaged cache', () => {
  const damages: [string, () => Promise<void>][] = [
    ['a blob with other bytes', () => writeFile(blob(MODEL), Buffer.alloc(MODEL.length, 3))],
    ['a truncated blob', () => truncate(blob(MODEL), 1000)],
    ['an empty blob', () => truncate(blob(MODEL), 0)],
    ['a blob that is gone', () => rm(blob(MODEL))],
  ];

  it.each(damages)('is repaired once: %s', async (_, damage) => {
    await hub.resolve('org/model');
    await damage();
    hub.server.seen.length = 0;
    const location = await hub.resolve('org/model');
    let loads = 0;
    const load = async () => {
      loads++;
      const content = await readFile(join(location.folder, 'onnx/model.onnx'));
      if (!content.equals(MODEL)) throw new EmbedlaneError('ERR_MODEL_INVALID', 'broken');
      return 'loaded';
    };
    expect(await loadRepairing(location, load)).toBe('loaded');
    expect(loads).toBeLessThanOrEqual(2);
    expect(new Set(hub.server.downloads().map(({ path }) => path.split('/').at(-1)))).toEqual(
      new Set(['model.onnx']),
    );
  });

  it('that is whole is not fetched again for a model that does not load', async () => {
    const location = await hub.resolve('org/model');
    hub.server.seen.length = 0;
    let loads = 0;
    const load = async () => {
      loads++;
      throw new EmbedlaneError('ERR_MODEL_INVALID', 'not supported');
    };
    await expect(loadRepairing(location, load)).rejects.toThrow('not supported');
    expect([loads, hub.server.seen]).toEqual([1, []]);
  });

  it('is reported, and left alone, without the network', async () => {
    await hub.resolve('org/model');
    await writeFile(blob(MODEL), Buffer.alloc(MODEL.length, 3));
    const location = await hub.resolve('org/model', { localFilesOnly: true });
    const load = async () => {
      throw new EmbedlaneError('ERR_MODEL_INVALID', 'broken');
    };
    await expect(loadRepairing(location, load)).rejects.toMatchObject({
      code: 'ERR_CORRUPT',
      message: expect.stringMatching(/onnx\/model\.onnx.*embedlane pull org\/model/) as string,
    });
    expect((await stat(blob(MODEL))).size).toBe(MODEL.length);
  });

  it('is found by a request that verifies', async () => {
    await hub.resolve('org/model');
    await writeFile(blob(MODEL), Buffer.alloc(MODEL.length, 3));
    const { folder } = await hub.resolve('org/model', {}, { verify: true });
    expect((await readFile(join(folder, 'onnx/model.onnx'))).equals(MODEL)).toBe(true);
  });
});

// Root may write everywhere, unless the capability to is taken away from the process.
const asRoot = process.getuid?.() === 0;
const withoutCapability = ['setpriv', '--inh-caps=-dac_override', '--bounding-set=-dac_override'];
const canDrop =
  !asRoot || spawnSync(withoutCapability[0], [...withoutCapability.slice(1), 'true']).status === 0;
if (!canDrop) console.warn('!! NOT TESTED: a read-only cache, for which root needs setpriv');

it.skipIf(!canDrop || process.platform === 'win32')(
  'a read-only cache that is complete is used',
  async () => {
    const { folder } = await hub.resolve('org/model');
    await chmod(repository(), 0o500);
    const program = `
    import { mkdirSync } from 'node:fs';
    import { checkHubOptions, resolveModel } from '#dist/hub/index.js';
    const [repository, id, cacheDir, endpoint] = process.argv.slice(1);
    try {
      mkdirSync(repository + '/new');
      console.log('may write');
    } catch {
      console.log((await resolveModel(id, { hub: checkHubOptions({ cacheDir, endpoint }) })).folder);
    }`;
    const args = [process.execPath, '--input-type=module', '-e', program];
    const [command, ...rest] = asRoot ? [...withoutCapability, ...args] : args;
    const given = [repository(), 'org/model', hub.cacheDir, hub.server.url];
    try {
      const { stdout, stderr } = await outcome(
        spawn(command, [...rest, ...given], { cwd: root, stdio: 'pipe' }),
      );
      expect({ stdout, stderr }).toEqual({ stdout: `${folder}\n`, stderr: '' });
    } finally {
      await chmod(repository(), 0o700);
    }
  },
);

it('a file where the cache has a folder is an error, not a crash', async () => {
  await mkdir(hub.cacheDir, { recursive: true });
  await writeFile(repository(), '');
  await expect(hub.resolve('org/model')).rejects.toMatchObject({ code: 'ERR_IO' });
});
