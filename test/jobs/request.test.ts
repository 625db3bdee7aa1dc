import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { jobSpec } from '#dist/jobs/request.js';
import { temporaryFolder } from '../cli/support.js';

it('takes files below the root, whatever they are called, and no others', async () => {
  const folder = await temporaryFolder();
  const root = join(folder, 'root');
  const names = ['..a.txt', '...', 'b.txt'];
  await temporaryFiles(folder, root, names);
  const { inputs } = await jobSpec({ inputs: names, root, store: 'file:store' });
  expect(inputs.map(({ name }) => name)).toEqual(names);
  for (const input of ['..', '../outside.txt', '.', join(folder, 'outside.txt')]) {
    await expect(jobSpec({ inputs: [input], root, store: 'file:store' })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG',
      message: expect.stringContaining('request.inputs'),
    });
  }
});

async function temporaryFiles(folder: string, root: string, names: readonly string[]): Promise<void> {
  await mkdir(root);
  await writeFile(join(folder, 'outside.txt'), 'a');
  await Promise.all(names.map((name) => writeFile(join(root, name), 'a')));
}
