import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unzipSync, zipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Safetensors } from '#dist/hub/safetensors.js';
import { TorchFile } from '#dist/hub/torch-file.js';
import { fixture } from '../text/goldens.js';

const torch = (name: string) => fixture(`goldens/torch/${name}.pt`);
const VALUES = Float32Array.from({ length: 24 }, (_, i) => i / 8);

const chr = (code: number) => String.fromCharCode(code);

describe('TorchFile', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'embedlane-torch-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it.each([
    ['sparse_linear', 1],
    ['colbert_linear', 32],
  ])('reads the tensors of %s that safetensors has', async (name, width) => {
    const expected = await Safetensors.open(fixture('models/tiny-xlmr/bgem3_heads.safetensors'));
    const file = await TorchFile.open(torch(name), name);
    expect([...file.tensors.keys()]).toEqual([`${name}.weight`, `${name}.bias`]);
    for (const [tensor, shape] of [
      ['weight', [width, 32]],
      ['bias', [width]],
    ] as const) {
      const values = await file.floats(`${name}.${tensor}`, shape);
      expect(values).toEqual(await expected.floats(`${name}.${tensor}`, shape));
    }
  });

  it('widens halves, and takes the part of a storage that a tensor is', async () => {
    const file = await TorchFile.open(torch('views'), 'x');
    expect(await file.floats('x.half', [6, 4])).toEqual(VALUES);
    expect(await file.floats('x.bfloat', [6, 4])).toEqual(VALUES);
    expect(await file.floats('x.part', [2, 4])).toEqual(VALUES.slice(8, 16));
  });

  it('refuses other names and shapes', async () => {
    const file = await TorchFile.open(torch('sparse_linear'), 'sparse_linear');
    for (const [name, shape] of [
      ['sparse_linear.other', [1, 32]],
      ['sparse_linear.weight', [32, 1]],
    ] as const) {
      await expect(file.floats(name, shape)).rejects.toMatchObject({ code: 'ERR_MODEL_INVALID' });
    }
  });

  it.each(['turned', 'objects'])('refuses %s, and runs nothing', async (name) => {
    const opened = TorchFile.open(torch(name), name);
    await expect(opened).rejects.toMatchObject({ code: 'ERR_MODEL_INVALID' });
  });

  it('refuses what is damaged, wherever it is', async () => {
    const whole = readFileSync(torch('sparse_linear'));
    const path = join(folder, 'cut.pt');
    for (const length of [0, 10, whole.length >> 1, whole.length - 1]) {
      writeFileSync(path, whole);
      truncateSync(path, length);
      await expect(TorchFile.open(path, 'x'), `${length}`).rejects.toMatchObject({
        code: 'ERR_MODEL_INVALID',
      });
    }
    await expect(TorchFile.open(join(folder, 'missing.pt'), 'x')).rejects.toMatchObject({
      code: 'ERR_MODEL_INVALID',
    });
  });

  it('refuses what is compressed, which may be larger than the memory', async () => {
    const files = unzipSync(readFileSync(torch('sparse_linear')));
    const path = join(folder, 'again.pt');
    writeFileSync(path, zipSync(files, { level: 0 }));
    expect((await TorchFile.open(path, 'x')).tensors.size).toBe(2);
    writeFileSync(path, zipSync(files, { level: 9 }));
    await expect(TorchFile.open(path, 'x')).rejects.toMatchObject({ code: 'ERR_MODEL_INVALID' });
  });

  it('refuses entries that share their bytes, each of which would be copied', async () => {
    const names = Array.from({ length: 64 }, (_, i) => `a/data/${i}`);
    const archive = Buffer.from(
      zipSync(Object.fromEntries(names.map((name) => [name, Buffer.alloc(64)])), { level: 0 }),
    );
    const path = join(folder, 'shared.pt');
    // Each entry of the directory now says that its content goes on to the end of the directory.
    for (let at = archive.indexOf('PK\x01\x02'); at >= 0; at = archive.indexOf('PK\x01\x02', at + 1)) {
      archive.writeUInt32LE(archive.length - 200, at + 20);
      archive.writeUInt32LE(archive.length - 200, at + 24);
      archive.writeUInt32LE(0, at + 42);
    }
    writeFileSync(path, archive);
    await expect(TorchFile.open(path, 'x')).rejects.toMatchObject({
      code: 'ERR_MODEL_INVALID',
      cause: { message: expect.stringContaining('more than') as string },
    });
  });

  // Tuples that have one another twice, thirty deep; a shape of as many axes as the file has bytes.
  const twice = Array.from({ length: 30 }, (_, i) => `q${chr(i)}h${chr(i)}\x86`).join('');
  const tensor = 'ctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\n';
  const axes = `(${'K\x01'.repeat(100_000)}t`;
  it.each([
    ['a name of a storage that unfolds to gigabytes', `${tensor}K\x01${twice}NK\x01tQ`, 'no name'],
    ['very many axes', `${tensor}X\x01\0\0\x000NK\x01tQK\0${axes}${axes}tR`, 'axes'],
  ])('refuses %s in time', async (_, pickle, reason) => {
    const path = join(folder, 'unfolding.pt');
    const files = { 'a/data.pkl': Buffer.from(pickle, 'latin1'), 'a/data/0': Buffer.alloc(4) };
    writeFileSync(path, zipSync(files, { level: 0 }));
    await expect(TorchFile.open(path, 'x')).rejects.toMatchObject({
      code: 'ERR_MODEL_INVALID',
      cause: { message: expect.stringContaining(reason) as string },
    });
  });

  it.each([
    ['a call of something', 'cos\nsystem\nX\x02\x00\x00\x00ls\x85R.'],
    ['a call of nothing', ')R.'],
    ['a stack that is empty', '.'],
    ['tuples without a mark', 't.'],
    ['items without a dictionary', 'NNNs.'],
    ['a memory without content', 'h\x07.'],
    ['a text that is longer than the file', 'X\xff\xff\xff\x7fa.'],
    ['no end', 'N'],
    ['an unknown opcode', '\x93.'],
    ['a number of too many digits', '\x8a\x20aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.'],
    ['no dictionary', 'K\x01.'],
  ])('refuses a pickle with %s', async (_, pickle) => {
    const path = join(folder, 'hostile.pt');
    writeFileSync(path, zipSync({ 'a/data.pkl': Buffer.from(pickle, 'latin1') }, { level: 0 }));
    await expect(TorchFile.open(path, 'x')).rejects.toMatchObject({ code: 'ERR_MODEL_INVALID' });
  });
});
