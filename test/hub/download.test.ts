import { lstat, mkdir, readdir, readFile, readlink, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { chooseOnnxFile, type DownloadProgress, onnxModelFiles, pickOnnxFile } from '#dist/hub/index.js';
import { gitSha1, sha256 } from './server.js';
import { FILES, NEEDED, startHub } from './support.js';

const hub = startHub();
const MODEL = FILES['onnx/model.onnx'];
const repository = () => join(hub.cacheDir, 'models--org--model');
const partial = (content: Buffer) => join(repository(), 'blobs', `${sha256(content)}.embedlane.incomplete`);

async function filesOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}

/** Not `toEqual`, which takes seconds over a large buffer. */
async function expectModel(folder: string): Promise<void> {
  expect((await readFile(join(folder, 'onnx/model.onnx'))).equals(MODEL)).toBe(true);
}

describe('a download', () => {
  it('brings what the model needs, and nothing else, in the layout of huggingface_hub', async () => {
    const { id, folder } = await hub.resolve('org/model');
    const commit = hub.server.commit('org/model');
    expect(id).toBe('org/model');
    expect(folder).toBe(join(repository(), 'snapshots', commit));
    expect(await filesOf(folder)).toEqual(NEEDED);
    for (const path of NEEDED) {
      const content = Buffer.from(FILES[path as keyof typeof FILES]);
      expect((await readFile(join(folder, path))).equals(content), path).toBe(true);
    }
    expect(await readFile(join(repository(), 'refs/main'), 'utf8')).toBe(commit);
    expect(await readlink(join(folder, 'onnx/model.onnx'))).toBe(`../../../blobs/${sha256(MODEL)}`);
    expect(await readlink(join(folder, 'config.json'))).toBe(
      `../../blobs/${gitSha1(Buffer.from(FILES['config.json']))}`,
    );
    expect((await readdir(join(repository(), 'blobs'))).length).toBe(NEEDED.length);
  });

  it('takes the ONNX file of the dtype that is asked for', async () => {
    const select = onnxModelFiles(({ files, name }) => pickOnnxFile(files, 'int8', name));
    const { folder } = await hub.resolve('org/model', {}, { select });
    expect(await readdir(join(folder, 'onnx'))).toEqual(['model_quantized.onnx']);
    expect(await chooseOnnxFile(folder, 'int8')).toBe(join(folder, 'onnx/model_quantized.onnx'));
  });

  it('asks nobody when everything is here', async () => {
    const first = await hub.resolve('org/model');
    hub.server.seen.length = 0;
    expect((await hub.resolve('org/model')).folder).toBe(first.folder);
    expect(hub.server.seen).toEqual([]);
  });

  it('fetches another variant into the same snapshot, and only that', async () => {
    const first = await hub.resolve('org/model');
    hub.server.seen.length = 0;
    const select = onnxModelFiles(({ files, name }) => pickOnnxFile(files, 'int8', name));
    expect((await hub.resolve('org/model', {}, { select })).folder).toBe(first.folder);
    expect(hub.server.downloads().map(({ path }) => path.split('/').at(-1))).toEqual([
      'model_quantized.onnx',
      'model_quantized.onnx',
    ]);
  });

  it('reads listings in pages', async () => {
    hub.server.pageSize = 3;
    expect(await filesOf((await hub.resolve('org/model')).folder)).toEqual(NEEDED);
  });

  it('reads all pages of a mirror that passes on where the hub has them', async () => {
    hub.server.pageSize = 3;
    hub.server.pageOrigin = 'https://hub.invalid';
    expect(await filesOf((await hub.resolve('org/model')).folder)).toEqual(NEEDED);
  });

  it('gives up on a listing whose next page is the same again', async () => {
    const headers = { link: '<?cursor=1>; rel="next"' };
    hub.server.fault = ({ path }) =>
      path.includes('/tree/') ? { status: 200, headers, body: Buffer.from('[]') } : undefined;
    await expect(hub.resolve('org/model')).rejects.toMatchObject({ code: 'ERR_DOWNLOAD' });
  });

  it.each(['org/model@v1.0', 'org/model@COMMIT'])('takes the revision of %s', async (template) => {
    const commit = hub.server.commit('org/model');
    const id = template.replace('COMMIT', commit);
    const { folder, id: resolved } = await hub.resolve(id);
    expect(resolved).toBe(id);
    expect(folder).toBe(join(repository(), 'snapshots', commit));
    const refs = await readdir(join(repository(), 'refs')).catch(() => []);
    expect(refs).toEqual(id.endsWith('v1.0') ? ['v1.0'] : []);
    expect((await hub.resolve('org/model', { revision: id.split('@')[1] })).folder).toBe(folder);
  });

  it('stays with the commit it knows until it is asked to refresh', async () => {
    const first = await hub.resolve('org/model');
    hub.server.add('org/model', { ...FILES, 'config.json': '{"new":true}' });
    expect((await hub.resolve('org/model')).folder).toBe(first.folder);
    const { folder } = await hub.resolve('org/model', {}, { refresh: true });
    expect(folder).not.toBe(first.folder);
    expect(await readFile(join(folder, 'config.json'), 'utf8')).toBe('{"new":true}');
    // The 800 kB that did not change were not fetched again.
    expect(hub.server.downloads('model.onnx_data').length).toBe(2);
    expect((await hub.resolve('org/model')).folder).toBe(folder);
  });

  it('reports bytes that never decrease and end at the total', async () => {
    const reports: DownloadProgress[] = [];
    const onProgress = (progress: DownloadProgress) => void reports.push(progress);
    hub.server.fault = ({ host, headers }) =>
      host === 'cdn' && !headers.range ? { cutAfter: 50_000 } : { ignoreRange: true };
    await hub.resolve('org/model', { onProgress });
    const total = reports[0].total;
    const large = reports.filter((report) => report.total > 100_000);
    expect(large.at(-1)?.completed).toBe(large[0].total);
    expect(total).toBeGreaterThan(0);
    for (let i = 1; i < large.length; i++) expect(large[i].completed).toBeGreaterThan(large[i - 1].completed);
    expect(new Set(large.map(({ file }) => file))).toContain('onnx/model.onnx');
  });

  it('rejects with what the progress callback throws', async () => {
    const onProgress = () => {
      throw new RangeError('mine');
    };
    await expect(hub.resolve('org/model', { onProgress })).rejects.toThrow('mine');
    expect((await hub.resolve('org/model')).id).toBe('org/model');
  });
});

describe('a broken connection', () => {
  it('is continued where it broke', async () => {
    let cuts = 0;
    hub.server.fault = ({ path, host }) =>
      host === 'cdn' && path.endsWith('/model.onnx') && cuts++ < 3 ? { cutAfter: 70_000 } : undefined;
    const { folder } = await hub.resolve('org/model');
    await expectModel(folder);
    const ranges = hub.server
      .downloads('/model.onnx')
      .filter(({ host }) => host === 'cdn')
      .map(({ headers }) => headers.range);
    expect(ranges.length).toBe(4);
    expect(ranges[0]).toBeUndefined();
    const starts = ranges.slice(1).map((range) => Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1]));
    expect(starts).toEqual([...starts].sort((a, b) => a - b));
    expect(starts[0]).toBeGreaterThan(0);
  });

  it('is continued from what an earlier process left', async () => {
    await mkdir(join(repository(), 'blobs'), { recursive: true });
    await writeFile(partial(MODEL), MODEL.subarray(0, 123_456));
    const { folder } = await hub.resolve('org/model');
    await expectModel(folder);
    expect(hub.server.downloads('/model.onnx').at(-1)?.headers.range).toBe('bytes=123456-');
  });

  it('starts again if the server answers a range with all of it', async () => {
    await mkdir(join(repository(), 'blobs'), { recursive: true });
    await writeFile(partial(MODEL), MODEL.subarray(0, 123_456));
    hub.server.fault = () => ({ ignoreRange: true });
    const { folder } = await hub.resolve('org/model');
    await expectModel(folder);
  });

  it.each([
    ['the beginning of something else', Buffer.alloc(123_456, 7)],
    ['as long as the file but something else', Buffer.alloc(MODEL.length, 7)],
    ['longer than the file', Buffer.alloc(MODEL.length + 1, 7)],
  ])('starts again if what was left is %s', async (_, left) => {
    await mkdir(join(repository(), 'blobs'), { recursive: true });
    await writeFile(partial(MODEL), left);
    const { folder } = await hub.resolve('org/model');
    await expectModel(folder);
  });

  it('gives up when nothing arrives any more, and keeps what has arrived', async () => {
    vi.stubEnv('HF_HUB_DOWNLOAD_TIMEOUT', '0.2');
    vi.spyOn(Math, 'random').mockReturnValue(0);
    hub.server.fault = ({ path, headers }) =>
      path.endsWith('/model.onnx') ? (headers.range ? { hang: true } : { cutAfter: 70_000 }) : undefined;
    await expect(hub.resolve('org/model')).rejects.toMatchObject({ code: 'ERR_DOWNLOAD' });
    expect((await lstat(partial(MODEL))).size).toBeGreaterThan(0);
    hub.server.fault = () => undefined;
    await expectModel((await hub.resolve('org/model')).folder);
  });

  it('gives up on a server that sends the same beginning again and again', { timeout: 20_000 }, async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0);
    hub.server.fault = ({ path, host }) =>
      host === 'cdn' && path.endsWith('/model.onnx') ? { cutAfter: 10_000, ignoreRange: true } : undefined;
    await expect(hub.resolve('org/model')).rejects.toMatchObject({ code: 'ERR_DOWNLOAD' });
  });

  it('survives a slow server', async () => {
    hub.server.fault = ({ host }) => (host === 'cdn' ? { slow: { bytes: 20_000, pause: 5 } } : undefined);
    expect(await filesOf((await hub.resolve('org/model')).folder)).toEqual(NEEDED);
  });
});

describe('a content that is not what the hub lists', () => {
  it('is thrown away and fetched once more', async () => {
    let wrong = 0;
    hub.server.fault = ({ path, host }) =>
      host === 'cdn' && path.endsWith('/model.onnx') && wrong++ === 0
        ? { body: Buffer.alloc(MODEL.length, 1) }
        : undefined;
    const { folder } = await hub.resolve('org/model');
    await expectModel(folder);
  });

  it.each([
    ['of the right size', Buffer.alloc(MODEL.length, 1), 'ERR_CHECKSUM'],
    ['too long', Buffer.alloc(MODEL.length + 1, 1), 'ERR_CHECKSUM'],
  ])('is refused if it comes again (%s)', async (_, body, code) => {
    hub.server.fault = ({ path, host }) =>
      host === 'cdn' && path.endsWith('/model.onnx') ? { body } : undefined;
    await expect(hub.resolve('org/model')).rejects.toMatchObject({
      code,
      message: expect.stringContaining('onnx/model.onnx') as string,
    });
    expect(await readdir(join(repository(), 'blobs'))).not.toContain(sha256(MODEL));
    // The revision is not written before everything is here.
    await expect(lstat(join(repository(), 'refs/main'))).rejects.toThrow();
    hub.server.fault = () => undefined;
    expect(await filesOf((await hub.resolve('org/model')).folder)).toEqual(NEEDED);
  });

  it('is refused for small files too, whose hash is Git’s', async () => {
    hub.server.fault = ({ path }) =>
      path.endsWith('/config.json')
        ? { body: Buffer.from(FILES['config.json'].replace('bert', 'evil')) }
        : undefined;
    await expect(hub.resolve('org/model')).rejects.toMatchObject({ code: 'ERR_CHECKSUM' });
  });
});

describe('a disk', () => {
  it('that is full ends the download and keeps the cache usable', async () => {
    await mkdir(join(repository(), 'blobs'), { recursive: true });
    // Every write to it fails with ENOSPC.
    await symlink('/dev/full', partial(MODEL));
    await expect(hub.resolve('org/model')).rejects.toMatchObject({
      code: 'ERR_IO',
      message: expect.stringMatching(/ENOSPC.*free some/) as string,
    });
    expect((await hub.resolve('org/model')).id).toBe('org/model');
  });

  it('that is too small is noticed before the first byte', async () => {
    const listing = [{ type: 'file', path: 'onnx/model.onnx', size: 2 ** 52, oid: 'a'.repeat(40) }];
    hub.server.fault = ({ path }) =>
      path.includes('/tree/') ? { body: Buffer.from(JSON.stringify(listing)) } : undefined;
    await expect(hub.resolve('org/model')).rejects.toMatchObject({
      code: 'ERR_IO',
      message: expect.stringMatching(/4503599627370496 bytes of free space/) as string,
    });
    expect(hub.server.downloads()).toEqual([]);
  });

  it('that cannot be written to is an error that names the folder', async () => {
    await writeFile(join(hub.cacheDir, 'file'), '');
    await expect(
      hub.resolve('org/model', { cacheDir: join(hub.cacheDir, 'file/cache') }),
    ).rejects.toMatchObject({
      code: 'ERR_IO',
      message: expect.stringMatching(/file\/cache/) as string,
    });
  });
});

describe('an aborted download', () => {
  it('rejects with ERR_ABORTED, stops, and is continued by the next', async () => {
    const controller = new AbortController();
    hub.server.fault = ({ host }) => (host === 'cdn' ? { slow: { bytes: 10_000, pause: 10 } } : undefined);
    const onProgress = ({ completed }: DownloadProgress) => {
      if (completed > 100_000) controller.abort();
    };
    const { signal } = controller;
    await expect(hub.resolve('org/model', { onProgress }, { signal })).rejects.toMatchObject({
      code: 'ERR_ABORTED',
    });
    hub.server.fault = () => undefined;
    await hub.resolve('org/model');
    expect(hub.server.downloads().some(({ headers }) => headers.range !== undefined)).toBe(true);
    await expect(hub.resolve('org/model', {}, { signal })).rejects.toMatchObject({ code: 'ERR_ABORTED' });
  });
});
