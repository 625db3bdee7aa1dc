import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Safetensors } from '#dist/hub/safetensors.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'embedlane-safetensors-'));
});
afterAll(() => rm(folder, { recursive: true }));

let count = 0;

async function file(header: unknown, values: Uint8Array, length?: bigint): Promise<string> {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(length ?? BigInt(json.length));
  const path = join(folder, `${count++}.safetensors`);
  await writeFile(path, Buffer.concat([prefix, json, values]));
  return path;
}

const tensor = (dtype: string, shape: number[], begin: number, end: number) => ({
  dtype,
  shape,
  data_offsets: [begin, end],
});

describe('Safetensors', () => {
  it('reads tensors of every floating-point type', async () => {
    const bytes = Buffer.alloc(8 + 16 + 4 + 4);
    bytes.writeFloatLE(1.5, 0);
    bytes.writeFloatLE(-2, 4);
    bytes.writeDoubleLE(0.1, 8);
    bytes.writeDoubleLE(-7, 16);
    bytes.writeUInt16LE(0x3c00, 24);
    bytes.writeUInt16LE(0xc000, 26);
    bytes.writeUInt16LE(0x3f80, 28);
    bytes.writeUInt16LE(0xc000, 30);
    const header = {
      __metadata__: { format: 'pt' },
      double: tensor('F64', [2], 8, 24),
      single: tensor('F32', [2, 1], 0, 8),
      half: tensor('F16', [2], 24, 28),
      brain: tensor('BF16', [1, 2], 28, 32),
    };
    const tensors = await Safetensors.open(await file(header, bytes));
    expect([...tensors.tensors.keys()].sort()).toEqual(['brain', 'double', 'half', 'single']);
    expect([...(await tensors.floats('single', [2, 1]))]).toEqual([1.5, -2]);
    expect([...(await tensors.floats('double', [2]))]).toEqual([Math.fround(0.1), -7]);
    expect([...(await tensors.floats('half', [2]))]).toEqual([1, -2]);
    expect([...(await tensors.floats('brain', [1, 2]))]).toEqual([1, -2]);
  });

  it('names what it has when asked for something else', async () => {
    const header = { weight: tensor('F32', [2], 0, 8), ids: tensor('I64', [1], 8, 16) };
    const tensors = await Safetensors.open(await file(header, Buffer.alloc(16)));
    const code = 'ERR_MODEL_INVALID';
    const like = (pattern: RegExp) => ({ code, message: expect.stringMatching(pattern) as string });
    await expect(tensors.floats('bias', [2])).rejects.toMatchObject(like(/'bias'.*weight, ids/));
    await expect(tensors.floats('weight', [1, 2])).rejects.toMatchObject(like(/\[1, 2\].*\[2\]/));
    await expect(tensors.floats('ids', [1])).rejects.toMatchObject(like(/floating-point.*I64/));
  });

  const one = { a: tensor('F32', [2], 0, 8) };
  it.each<[string, unknown, number, bigint?]>([
    ['a header longer than the file', one, 8, 10_000n],
    ['a header of more bytes than a number holds', one, 8, 2n ** 63n],
    ['a header of no bytes', one, 8, 0n],
    ['no JSON', '{"a": ', 8],
    ['no object', '[1]', 8],
    ['values cut short', one, 7],
    ['values that no tensor has', one, 9],
    ['an unknown dtype', { a: tensor('F31', [2], 0, 8) }, 8],
    ['a dtype of every object', { a: tensor('constructor', [2], 0, 8) }, 8],
    ['a negative size', { a: tensor('F32', [-2], 0, 8) }, 8],
    ['a size that overflows', { a: tensor('F32', [2 ** 40, 2 ** 40], 0, 8) }, 8],
    ['offsets that do not fit the shape', { a: tensor('F32', [3], 0, 8) }, 8],
    ['offsets in reverse', { a: tensor('F32', [2], 8, 0) }, 8],
    ['tensors that overlap', { a: tensor('F32', [2], 0, 8), b: tensor('F32', [2], 4, 12) }, 12],
    ['a hole', { a: tensor('F32', [1], 0, 4), b: tensor('F32', [1], 8, 12) }, 12],
    ['an entry that is null', { a: null }, 0],
    ['brackets that would take gigabytes', '['.repeat(5_000_000) + ']'.repeat(5_000_000), 0],
  ])('refuses %s', async (_, header, bytes, length) => {
    const path = await file(header, Buffer.alloc(bytes), length);
    await expect(Safetensors.open(path)).rejects.toMatchObject({
      name: 'EmbedlaneError',
      code: 'ERR_MODEL_INVALID',
      message: expect.stringContaining(path) as string,
    });
  });

  it('refuses a missing file and one of no bytes', async () => {
    const empty = join(folder, 'empty');
    await writeFile(empty, '');
    for (const path of [empty, join(folder, 'nowhere')]) {
      await expect(Safetensors.open(path)).rejects.toMatchObject({ code: 'ERR_MODEL_INVALID' });
    }
  });
});
