import { execFileSync } from 'node:child_process';
import { mkdir, readdir, readFile, readlink, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { AtomicFile } from '#dist/core/atomic-file.js';
import { temporaryFolder } from '../cli/support.js';

const parent = await temporaryFolder();
let folder: string;
let count = 0;
beforeEach(async () => {
  folder = join(parent, String(count++));
  await mkdir(folder);
});

describe('a file that appears when it is complete', () => {
  it('follows a link and leaves it as it is', async () => {
    const [link, target] = [join(folder, 'link'), join(folder, 'elsewhere', 'target')];
    await mkdir(join(folder, 'elsewhere'));
    await writeFile(target, 'old');
    await symlink(target, link);
    await AtomicFile.write(link, 'new');
    expect(await readlink(link)).toBe(target);
    expect(await readFile(target, 'utf8')).toBe('new');
    expect(await readdir(join(folder, 'elsewhere'))).toEqual(['target']);
  });

  it('follows links to what is not there yet', async () => {
    await mkdir(join(folder, 'elsewhere'));
    await symlink(join('elsewhere', 'target'), join(folder, 'link'));
    await symlink('link', join(folder, 'link to link'));
    await AtomicFile.write(join(folder, 'link to link'), 'new');
    expect(await readlink(join(folder, 'link to link'))).toBe('link');
    expect(await readlink(join(folder, 'link'))).toBe(join('elsewhere', 'target'));
    expect(await readFile(join(folder, 'elsewhere', 'target'), 'utf8')).toBe('new');
    await symlink('itself', join(folder, 'itself'));
    await expect(AtomicFile.write(join(folder, 'itself'), 'new')).rejects.toMatchObject({ code: 'ERR_IO' });
  });

  it.skipIf(process.platform === 'win32')('lets nobody read what could not be read before', async () => {
    const path = join(folder, 'private');
    await writeFile(path, 'old', { mode: 0o600 });
    await AtomicFile.write(path, 'new');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it.skipIf(process.platform === 'win32')('never takes the place of a pipe or a folder', async () => {
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    for (const path of [pipe, folder]) {
      await expect(AtomicFile.write(path, 'new')).rejects.toMatchObject({
        code: 'ERR_IO',
        message: expect.stringContaining(path),
      });
    }
    expect((await stat(pipe)).isFIFO()).toBe(true);
    expect(await readdir(folder)).toEqual(['pipe']);
  });
});
