import { copyFile, cp, mkdir, readdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EmbedlaneError, FlatIndex } from 'embedlane';
import { beforeAll, describe, expect, it } from 'vitest';
import { crc32c } from '#dist/index/storage/format.js';
import { encodeManifest, type Manifest, parseManifest } from '#dist/index/storage/manifest.js';
import { Random } from '../native/random.js';
import { code, contentsOf, randomMatrix, temporaryFolder } from './support.js';

// What opening a damaged, hostile or changing folder does: a typed error or the right rows, never anything else.

const folder = await temporaryFolder();
const original = join(folder, 'original');
/** Copied from the original before each trial. */
const trial = join(folder, 'trial');
let wanted: ReturnType<typeof contentsOf>;
let names: { segment: string; log: string };

beforeAll(async () => {
  const index = new FlatIndex({ dims: 3, dtype: 'i8' });
  index.add(randomMatrix(8, 3, 1), ['a', 'b', 3, 4, 5, 6, 7, 'ü']);
  await index.save(original);
  const again = await FlatIndex.open(original);
  again.add(randomMatrix(2, 3, 2));
  await again.flush();
  again.remove('b');
  await again.flush();
  again.add(randomMatrix(1, 3, 3), ['last']);
  await again.close();
  wanted = contentsOf(await FlatIndex.open(original));
  expect(wanted).toHaveLength(10);
  const found = await readdir(original);
  names = {
    segment: found.find((name) => name.endsWith('.seg')) as string,
    log: found.find((name) => name.endsWith('.log')) as string,
  };
});

async function restore(): Promise<void> {
  await rm(trial, { recursive: true, force: true });
  await cp(original, trial, { recursive: true });
}

/** Opens the trial in every way and says what happened. */
async function attempt(): Promise<string> {
  const outcomes = new Set<string>();
  for (const options of [{ verify: 'full' }, { mode: 'mmap' }] as const) {
    try {
      const index = await FlatIndex.open(trial, options);
      // Whatever is in the rows, a search must not read anything else.
      index.searchSync(randomMatrix(2, 3, 4), { k: 100 });
      outcomes.add(JSON.stringify(contentsOf(index)) === JSON.stringify(wanted) ? 'right' : 'wrong');
      await index.close();
    } catch (error) {
      outcomes.add(error instanceof EmbedlaneError ? error.code : `${error}`);
    }
  }
  return [...outcomes].join();
}

describe.each(['segment', 'log', 'MANIFEST'] as const)('the %s', (which) => {
  const name = () => (which === 'MANIFEST' ? which : names[which]);

  it('cut at any length is corrupt', async () => {
    await restore();
    const path = join(trial, name());
    const bytes = await readFile(path);
    for (let length = 0; length < bytes.length; length++) {
      // Of the header page's 4 KiB of mostly zeros, every byte of the ends and some between.
      if (length > 80 && length < 4_080 && length % 251 !== 0) continue;
      await writeFile(path, bytes.subarray(0, length));
      expect([length, await attempt()]).toEqual([length, 'ERR_CORRUPT']);
    }
  });

  it('with anything behind its end is corrupt, or right', async () => {
    await restore();
    const path = join(trial, name());
    const bytes = await readFile(path);
    await writeFile(path, Buffer.concat([bytes, Buffer.alloc(40, 7)]));
    // Behind the log's last batch lies what a crash left.
    expect(await attempt()).toBe(which === 'log' ? 'right' : 'ERR_CORRUPT');
  });

  it('with any bit of it flipped is corrupt', async () => {
    await restore();
    const path = join(trial, name());
    const bytes = await readFile(path);
    for (let at = 0; at < bytes.length; at++) {
      if (at > 80 && at < 4_088 && at % 251 !== 0) continue;
      const damaged = Buffer.from(bytes);
      damaged[at] ^= 1 << (at & 7);
      await writeFile(path, damaged);
      expect([at, await attempt()]).toEqual([at, 'ERR_CORRUPT']);
    }
  });

  it('missing is an error', async () => {
    await restore();
    await rm(join(trial, name()));
    expect(await attempt()).toBe(which === 'MANIFEST' ? 'ERR_IO' : 'ERR_CORRUPT');
  });

  it('that is a folder is an error', async () => {
    await restore();
    await rm(join(trial, name()));
    await mkdir(join(trial, name()));
    expect(await attempt()).toMatch(/^ERR_(IO|CORRUPT)$/);
  });
});

describe('verify', () => {
  it('finds damage in the rows of an index that is open', async () => {
    await restore();
    const index = await FlatIndex.open(trial);
    await index.verify();
    const path = join(trial, names.segment);
    const bytes = await readFile(path);
    bytes[4096 + 65] ^= 1;
    await writeFile(`${path}.new`, bytes);
    await rename(`${path}.new`, path);
    await expect(index.verify()).rejects.toThrow(code('ERR_CORRUPT'));
    expect(contentsOf(index)).toEqual(wanted);
  });
});

describe('a log', () => {
  it('is good up to its last whole batch, wherever a crash cut it', async () => {
    await restore();
    // As a crash leaves it: the manifest vouches for nothing.
    await forget();
    const path = join(trial, names.log);
    const bytes = await readFile(path);
    const states = new Set<string>();
    for (let length = 32; length <= bytes.length; length++) {
      await writeFile(path, bytes.subarray(0, length));
      const index = await FlatIndex.open(trial);
      states.add(JSON.stringify([...index.ids()]));
      await index.close();
    }
    expect([...states]).toEqual([
      '["a","b",3,4,5,6,7,"ü"]',
      '["a","b",3,4,5,6,7,"ü",8,9]',
      '["a",3,4,5,6,7,"ü",8,9]',
      '["a",3,4,5,6,7,"ü",8,9,"last"]',
    ]);
  });

  it('with a batch that is damaged, but not the last, is corrupt even if nobody vouches for it', async () => {
    await restore();
    await forget();
    const path = join(trial, names.log);
    const bytes = await readFile(path);
    const damaged = Buffer.from(bytes);
    damaged[32 + 30] ^= 4;
    await writeFile(path, damaged);
    expect(await attempt()).toBe('ERR_CORRUPT');
  });

  it('is cut off behind its last whole batch by the next writer', async () => {
    await restore();
    await forget();
    const path = join(trial, names.log);
    const bytes = await readFile(path);
    await writeFile(path, bytes.subarray(0, bytes.length - 3));
    const index = await FlatIndex.open(trial);
    expect(index.has('last')).toBe(false);
    index.add(randomMatrix(1, 3, 9), ['new']);
    await index.close();
    expect([...(await FlatIndex.open(trial, { verify: 'full' })).ids()].slice(-2)).toEqual([9, 'new']);
  });

  /** Publishes a manifest that vouches for the log's header only. */
  async function forget(): Promise<void> {
    await editManifest((manifest) => ({ ...manifest, log: { ...manifest.log, bytes: 32 } }));
  }
});

async function editManifest(edit: (manifest: Manifest) => object): Promise<void> {
  const path = join(trial, 'MANIFEST');
  const manifest = parseManifest(await readFile(path, 'latin1'), path);
  await writeFile(path, encodeManifest(edit(manifest) as Manifest));
}

describe('a header that lies', () => {
  /** Changes the segment's header and makes all checksums right again. */
  async function editHeader(edit: (page: Buffer) => void): Promise<void> {
    await restore();
    const path = join(trial, names.segment);
    const bytes = await readFile(path);
    edit(bytes);
    bytes.writeUInt32LE(crc32c(bytes.subarray(0, 4092)), 4092);
    await writeFile(path, bytes);
    await editManifest((manifest) => ({
      ...manifest,
      segments: [{ ...manifest.segments[0], headerCrc: bytes.readUInt32LE(4092) }],
    }));
  }

  it.each<[string, string, (page: Buffer) => void]>([
    ['a later version', 'ERR_VERSION', (page) => page.writeUInt32LE(3, 8)],
    ['version 0', 'ERR_CORRUPT', (page) => page.writeUInt32LE(0, 8)],
    ['the other endianness', 'ERR_CORRUPT', (page) => page.writeUInt32BE(0x01020304, 12)],
    ['another length', 'ERR_CORRUPT', (page) => page.writeBigUInt64LE(2n ** 63n, 16)],
    ['another id', 'ERR_CORRUPT', (page) => page.writeUInt8(page[24] ^ 1, 24)],
    ['an unknown dtype', 'ERR_CORRUPT', (page) => page.writeUInt32LE(77, 32)],
    ['another dtype', 'ERR_CORRUPT', (page) => page.writeUInt32LE(0, 32)],
    ['no dimensions', 'ERR_CORRUPT', (page) => page.writeUInt32LE(0, 36)],
    ['other dimensions', 'ERR_CORRUPT', (page) => page.writeUInt32LE(4, 36)],
    ['2^32 - 1 dimensions', 'ERR_CORRUPT', (page) => page.writeUInt32LE(0xffffffff, 36)],
    ['no rows', 'ERR_CORRUPT', (page) => page.writeBigUInt64LE(0n, 40)],
    ['one row more', 'ERR_CORRUPT', (page) => page.writeBigUInt64LE(9n, 40)],
    ['2^32 - 1 rows', 'ERR_CORRUPT', (page) => page.writeBigUInt64LE(0xffffffffn, 40)],
    ['2^64 - 1 rows', 'ERR_CORRUPT', (page) => page.writeBigUInt64LE(2n ** 64n - 1n, 40)],
    ['rows × stride beyond 2^64', 'ERR_CORRUPT', (page) => page.writeBigUInt64LE(2n ** 58n, 40)],
    ['ids beyond the file', 'ERR_CORRUPT', (page) => page.writeBigUInt64LE(2n ** 40n, 48)],
    ['fewer ids', 'ERR_CORRUPT', (page) => page.writeBigUInt64LE(0n, 48)],
  ])('%s: %s', async (_what, expected, edit) => {
    await editHeader(edit);
    expect(await attempt()).toBe(expected);
  });

  it.each<[string, string, (manifest: Manifest) => object]>([
    ['a later version', 'ERR_VERSION', (m) => ({ ...m, version: 3 })],
    ['no version', 'ERR_CORRUPT', ({ version: _, ...m }) => m],
    ['another format', 'ERR_CORRUPT', (m) => ({ ...m, format: 'x' })],
    ['no object', 'ERR_CORRUPT', () => []],
    ['null', 'ERR_CORRUPT', () => null as never],
    ['unknown metric', 'ERR_CORRUPT', (m) => ({ ...m, metric: 'manhattan' })],
    ['a metric of another dtype', 'ERR_CORRUPT', (m) => ({ ...m, metric: 'hamming' })],
    ['dims of a string', 'ERR_CORRUPT', (m) => ({ ...m, dims: '3' })],
    ['too many dims', 'ERR_CORRUPT', (m) => ({ ...m, dims: 2 ** 31 })],
    ['no log', 'ERR_CORRUPT', ({ log: _, ...m }) => m],
    ['a path as an id', 'ERR_CORRUPT', (m) => ({ ...m, log: { ...m.log, id: '../../../../etc/passwd' } })],
    ['an unsafe nextId', 'ERR_CORRUPT', (m) => ({ ...m, nextId: 2 ** 53 + 2 })],
    ['a longer log', 'ERR_CORRUPT', (m) => ({ ...m, log: { ...m.log, bytes: m.log.bytes + 1 } })],
    ['more rows', 'ERR_CORRUPT', (m) => ({ ...m, segments: [{ ...m.segments[0], rows: 9 }] })],
    ['2^33 rows', 'ERR_CORRUPT', (m) => ({ ...m, segments: [{ ...m.segments[0], rows: 2 ** 33 }] })],
    ['a negative length', 'ERR_CORRUPT', (m) => ({ ...m, segments: [{ ...m.segments[0], bytes: -1 }] })],
    ['no segment', 'ERR_CORRUPT', (m) => ({ ...m, segments: [] })],
    ['the segment twice', 'ERR_CORRUPT', (m) => ({ ...m, segments: [m.segments[0], m.segments[0]] })],
  ])('in the manifest, %s: %s', async (_what, expected, edit) => {
    await restore();
    await editManifest(edit);
    expect(await attempt()).toBe(expected);
  });
});

describe('files that change under a reader', () => {
  it('may be replaced, removed and renamed while mapped', async () => {
    await restore();
    // Checked at once: a check in the background would find the other file, or none, as it happens to be quick.
    const index = await FlatIndex.open(trial, { mode: 'mmap', verify: 'full' });
    await copyFile(join(trial, 'MANIFEST'), join(trial, names.segment.replace('.seg', '.tmp')));
    await rename(join(trial, names.segment.replace('.seg', '.tmp')), join(trial, names.segment));
    expect(contentsOf(index)).toEqual(wanted);
    await rm(trial, { recursive: true });
    expect(contentsOf(index)).toEqual(wanted);
  });

  it("may even be cut short in mode 'memory'", async () => {
    await restore();
    const index = await FlatIndex.open(trial, { mode: 'memory' });
    await truncate(join(trial, names.segment), 0);
    expect(contentsOf(index)).toEqual(wanted);
    await expect(index.verify()).rejects.toThrow(code('ERR_CORRUPT'));
  });
});

it('any bytes at all are a typed error or an index', async () => {
  const random = new Random(6);
  await restore();
  const files = ['MANIFEST', names.segment, names.log];
  const contents = new Map(
    await Promise.all(files.map(async (name) => [name, await readFile(join(trial, name))] as const)),
  );
  for (let round = 0; round < 250; round++) {
    const name = files[random.below(3)];
    const bytes = Buffer.from(contents.get(name) as Buffer);
    for (let edits = 1 + random.below(8); edits > 0; edits--) {
      const at = random.below(bytes.length);
      if (random.below(3) === 0)
        bytes.fill(random.below(256), at, Math.min(bytes.length, at + random.below(64)));
      else bytes[at] = random.below(256);
    }
    // Half of the time the checksums are made right, so that what is behind them is reached.
    if (random.below(2) === 0) repair(name, bytes);
    await writeFile(
      join(trial, name),
      random.below(10) === 0 ? bytes.subarray(0, random.below(bytes.length)) : bytes,
    );
    if (name === names.segment) {
      await editManifestOnDisk(bytes.length >= 4096 ? bytes.readUInt32LE(4092) : 0);
    }
    expect(await attempt()).toMatch(/^(ERR_CORRUPT|ERR_VERSION|ERR_IO|right|wrong|,)+$/);
    for (const file of files) await writeFile(join(trial, file), contents.get(file) as Buffer);
  }

  function repair(name: string, bytes: Buffer): void {
    if (name === names.segment) {
      bytes.writeUInt32LE(crc32c(bytes.subarray(4096 + 8 * 64, 4096 + 8 * 64 + 4 + 32)), 60);
      bytes.writeUInt32LE(crc32c(bytes.subarray(4096 + 8 * 64 + 64)), 56);
      bytes.writeUInt32LE(crc32c(bytes.subarray(0, 4092)), 4092);
    } else if (name === names.log) {
      for (let at = 32; at + 24 <= bytes.length; ) {
        const length = bytes.readUInt32LE(at);
        if (length > bytes.length - at - 24) return;
        bytes.writeUInt32LE(crc32c(bytes.subarray(at + 8, at + 24 + length)), at + 4);
        at += 24 + length + (-length & 7);
      }
    } else {
      const end = bytes.length - 10;
      bytes.write(crc32c(bytes.subarray(0, end)).toString(16).padStart(8, '0'), end + 1, 'latin1');
    }
  }

  async function editManifestOnDisk(headerCrc: number): Promise<void> {
    await editManifest((manifest) => ({ ...manifest, segments: [{ ...manifest.segments[0], headerCrc }] }));
  }
});
