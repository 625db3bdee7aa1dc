// Feeds an index's reader damaged folders, and the addon arguments of every kind, for a bounded time. Every outcome
// but a typed error or a result is a failure, and the seed that is printed repeats it.
//
//   node scripts/fuzz-index.mjs [--seconds 20] [--seed 1] [--sanitize]
//
// --sanitize   with the addon built under AddressSanitizer and UBSan (Linux, gcc)
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '20' },
    seed: { type: 'string', default: '1' },
    sanitize: { type: 'boolean', default: false },
  },
});

if (options.sanitize) {
  const binding = join(root, 'build-sanitize', 'Release', 'embedlane.node');
  for (const [command, args, env] of [
    [process.execPath, [join(root, 'scripts/build-native.mjs'), '--sanitize'], {}],
    [
      process.execPath,
      [fileURLToPath(import.meta.url), '--seconds', options.seconds, '--seed', options.seed],
      {
        EMBEDLANE_BINDING: binding,
        LD_PRELOAD: execFileSync('g++', ['-print-file-name=libasan.so'], { encoding: 'utf8' }).trim(),
        // V8 keeps some memory to its end; leaks are the native tests' subject.
        ASAN_OPTIONS: 'detect_leaks=0:allocator_may_return_null=1',
        UBSAN_OPTIONS: 'print_stacktrace=1',
      },
    ],
  ]) {
    const { status } = spawnSync(command, args, { stdio: 'inherit', env: { ...process.env, ...env } });
    if (status !== 0) process.exit(status ?? 1);
  }
  process.exit(0);
}

process.env.EMBEDLANE_BACKEND = 'native';
const { EmbedlaneError, FlatIndex, readVectors, writeVectors } = await import('embedlane');
const { crc32c } = await import('#dist/index/storage/format.js');
const { encodeManifest, parseManifest } = await import('#dist/index/storage/manifest.js');
const addon = createRequire(import.meta.url)(
  process.env.EMBEDLANE_BINDING ?? join(root, 'build/Release/embedlane.node'),
);

// xorshift32
let state = (Number(options.seed) * 2654435761 + 1) | 0 || 1;
function below(n) {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return Math.floor(((state >>> 0) / 2 ** 32) * n);
}
const pick = (list) => list[below(list.length)];
const vector = (length) => Float32Array.from({ length }, () => below(2001) / 1000 - 1);

const folder = mkdtempSync(join(tmpdir(), 'embedlane-fuzz-'));
// Whatever name an argument may become is a file in here.
process.chdir(folder);
const end = Date.now() + Number(options.seconds) * 1000;
let opened = 0;
let files = 0;
let calls = 0;
try {
  const originals = [];
  for (const dtype of ['f32', 'f16', 'i8', 'b1']) {
    originals.push(await makeIndex(join(folder, dtype), { dtype }));
  }
  for (const accelerate of ['int8', 'binary']) {
    originals.push(await makeIndex(join(folder, accelerate), { accelerate }));
  }
  while (Date.now() < end) {
    for (let i = 0; i < 20; i++) await damagedIndex(pick(originals));
    for (let i = 0; i < 20; i++) await damagedFile();
    for (let i = 0; i < 2_000; i++) anyCall();
  }
} finally {
  process.chdir(root);
  rmSync(folder, { recursive: true, force: true });
}
console.log(
  `${opened} damaged indexes, ${files} damaged files, ${calls} calls of the addon: no surprise (seed ${options.seed})`,
);

async function makeIndex(path, options) {
  const dims = 13;
  const index = new FlatIndex({ dims, ...options });
  index.add({ data: vector(9 * dims), rows: 9, dims }, ['a', 'b', 'ü', 3, 4, 5, 6, 'x', -7]);
  await index.save(path);
  const again = await FlatIndex.open(path);
  again.add({ data: vector(4 * dims), rows: 4, dims });
  await again.flush();
  again.remove(['a', 5]);
  await again.close();
  return path;
}

function damage(bytes) {
  const damaged = Buffer.from(bytes);
  for (let edits = 1 + below(6); edits > 0; edits--) {
    const at = below(damaged.length);
    switch (below(4)) {
      case 0:
        damaged[at] ^= 1 << below(8);
        break;
      case 1:
        damaged.fill(pick([0, 255, 127]), at, Math.min(damaged.length, at + below(16)));
        break;
      case 2:
        if (at + 8 <= damaged.length)
          damaged.writeBigUInt64LE(pick([0n, 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 63n, 2n ** 64n - 1n]), at);
        break;
      default:
        damaged[at] = below(256);
    }
  }
  return below(8) === 0 ? damaged.subarray(0, below(damaged.length)) : damaged;
}

async function damagedIndex(original) {
  const trial = join(folder, 'trial');
  rmSync(trial, { recursive: true, force: true });
  cpSync(original, trial, { recursive: true });
  const name = pick(readdirSync(trial).filter((file) => file !== 'LOCK'));
  const path = join(trial, name);
  const bytes = damage(readFileSync(path));
  // Mostly with checksums that are right, so that what is behind them is reached.
  if (below(4) > 0) repair(trial, name, bytes);
  writeFileSync(path, bytes);
  await expectTyped(async () => {
    const index = await FlatIndex.open(trial, {
      mode: pick(['mmap', 'memory']),
      verify: pick(['lazy', 'full']),
    });
    for (const k of [2, 20]) {
      index.searchSync({ data: vector(2 * index.dims), rows: 2, dims: index.dims }, { k });
    }
    for (const { id } of index) index.has(id);
    if (below(3) === 0) {
      index.add({ data: vector(index.dims), rows: 1, dims: index.dims });
      await index.compact();
    }
    await index.close();
  });
  opened++;
}

function repair(trial, name, bytes) {
  const manifestPath = join(trial, 'MANIFEST');
  if (name.endsWith('.seg') && bytes.length > 4096) {
    const manifest = parseManifest(readFileSync(manifestPath, 'latin1'), manifestPath);
    const frame = Number(bytes.readBigUInt64LE(48));
    const idsAt = bytes.length - frame;
    if (frame >= 0 && idsAt > 4096) bytes.writeUInt32LE(crc32c(bytes.subarray(idsAt)), 56);
    bytes.writeUInt32LE(crc32c(bytes.subarray(0, 4092)), 4092);
    const segments = [{ ...manifest.segments[0], headerCrc: bytes.readUInt32LE(4092), bytes: bytes.length }];
    writeFileSync(manifestPath, encodeManifest({ ...manifest, segments }));
  } else if (name.endsWith('.log')) {
    for (let at = 32; at + 24 <= bytes.length; ) {
      const length = bytes.readUInt32LE(at);
      if (length > bytes.length - at - 24) return;
      bytes.writeUInt32LE(crc32c(bytes.subarray(at + 8, at + 24 + length)), at + 4);
      at += 24 + length + (-length & 7);
    }
  } else if (name === 'MANIFEST' && bytes.length > 10) {
    const jsonEnd = bytes.length - 10;
    bytes.write(`\n${crc32c(bytes.subarray(0, jsonEnd)).toString(16).padStart(8, '0')}\n`, jsonEnd, 'latin1');
  }
}

async function damagedFile() {
  const path = join(folder, `vectors.${pick(['npy', 'fvecs', 'safetensors'])}`);
  await writeVectors({ data: vector(12), rows: 3, dims: 4 }, path);
  writeFileSync(path, damage(readFileSync(path)));
  await expectTyped(async () => {
    for await (const batch of readVectors(path)) batch.toArrays();
  });
  files++;
}

async function expectTyped(work) {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof EmbedlaneError)) throw error;
  }
}

/** Calls something of the addon with anything. */
function anyCall() {
  const store = (() => {
    try {
      return new addon.RowStore(
        pick([1, 3, 16, anything()]),
        pick(['f32', 'f32', 'f16', 'bf16', 'i8', 'b1', anything()]),
        pick([null, null, 'int8', 'binary', anything()]),
      );
    } catch {
      return undefined;
    }
  })();
  if (store) {
    const methods = Object.getOwnPropertyNames(Object.getPrototypeOf(store)).filter(
      (name) => name !== 'constructor',
    );
    try {
      store.append(vector(48));
      store.append(vector(3));
    } catch {}
    for (let i = 0; i < 3; i++) attempt(() => callAnything(store, pick(methods)));
  }
  attempt(() =>
    callAnything(
      addon,
      pick(['crc32c', 'lockFile', 'dot', 'cosine', 'l2', 'matrix', 'topKSync', 'normalizeRows']),
    ),
  );
}

function callAnything(target, name) {
  calls++;
  const value = target[name];
  if (typeof value !== 'function') return;
  const result = Reflect.apply(
    value,
    below(20) === 0 ? {} : target,
    Array.from({ length: below(9) }, anything),
  );
  result?.promise?.catch(() => {});
  if (typeof result === 'function') result();
  // Rows that are being written may be adopted at any time, or by nobody.
  if (typeof result?.adopt === 'function') {
    attempt(result.adopt);
    result.promise.then(() => attempt(result.adopt)).catch(() => {});
  }
}

function anything() {
  switch (below(14)) {
    case 0:
      return undefined;
    case 1:
      return null;
    case 2:
      return pick([0, 1, -1, 2, 3, 16, 1.5, Number.NaN, 2 ** 31, 2 ** 32, 2 ** 53, Infinity, -0]);
    case 3:
      return pick(['', 'cosine', 'dot', 'l2', 'l1', 'f32', 'i8', 'name', '\0', 'x'.repeat(300)]);
    case 4:
      return pick([true, {}, [], 1n, Symbol('s'), () => {}]);
    case 5:
      return new Uint8Array(pick([0, 1, 48, 64, 128, 192]));
    case 6:
      return Uint32Array.from({ length: below(20) }, () => below(30));
    case 7:
      return new Float64Array(below(8));
    case 8: {
      const detached = new Float32Array(16);
      structuredClone(detached, { transfer: [detached.buffer] });
      return detached;
    }
    case 9:
      return new Float32Array(new SharedArrayBuffer(64));
    case 10:
      return new Float32Array(new ArrayBuffer(16 * 4, { maxByteLength: 256 }));
    case 11:
      return vector(64).subarray(below(8), 8 + below(48));
    default:
      return vector(pick([0, 1, 3, 15, 16, 17, 32, 48, 96]));
  }
}

function attempt(work) {
  try {
    work();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
  }
}
