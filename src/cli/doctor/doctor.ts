import { createRequire } from 'node:module';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { bundledModels, cachedModels, checkHubOptions, hubAccess } from '../../hub/index.js';
import { ImageEmbedder } from '../../image/index.js';
import { addonReport } from '../../native/load.js';
import { installCommand } from '../../runtime/dependency-error.js';
import { ffmpegVersion } from '../../runtime/ffmpeg.js';
import { disableTelemetry } from '../../runtime/telemetry.js';
import { TextEmbedder } from '../../text/index.js';
import { simd } from '../../vectors/index.js';
import { bytes, duration } from '../output/format.js';

/** One line of the report: what was looked at, what was found, and whether that is as it should be. */
interface Finding {
  name: string;
  value: string;
  ok: boolean;
  /** What to do about it. */
  fix?: string;
}

/** `embedlane doctor`. */
export async function doctor(flags: { json?: boolean }): Promise<void> {
  disableTelemetry();
  const findings = [
    ...platform(),
    ...backend(),
    dependency('onnxruntime-node'),
    dependency('tokenizers'),
    dependency('sharp'),
    await ffmpeg(),
    ...(await hub()),
  ];
  for (const model of await bundledModels()) findings.push(await tryModel(model));

  const healthy = findings.every((finding) => finding.ok);
  if (flags.json) {
    process.stdout.write(`${JSON.stringify({ healthy, findings })}\n`);
  } else {
    const width = Math.max(...findings.map((finding) => finding.name.length));
    for (const { name, value, ok, fix } of findings) {
      process.stdout.write(`${ok ? '✓' : '✗'} ${name.padEnd(width)}  ${value}\n`);
      if (fix) process.stdout.write(`  ${' '.repeat(width)}  → ${fix}\n`);
    }
  }
  if (!healthy) process.exitCode = 1;
}

function platform(): Finding[] {
  const version = (name: string) => (createRequire(import.meta.url)(name) as { version: string }).version;
  const model = cpus()[0]?.model.trim() ?? 'unknown CPU';
  return [
    { name: 'embedlane', value: version('../../../package.json'), ok: true },
    { name: 'node', value: `${process.version} on ${process.platform}-${process.arch}`, ok: true },
    { name: 'machine', value: `${availableParallelism()} × ${model}, ${bytes(totalmem())} memory`, ok: true },
  ];
}

function backend(): Finding[] {
  const { path, failures } = addonReport();
  const { backend, level, available } = simd();
  const native = backend === 'native';
  const asked = process.env.EMBEDLANE_BACKEND === 'typescript' ? ', as EMBEDLANE_BACKEND asks' : '';
  return [
    {
      name: 'vector kernels',
      value: native
        ? `native, ${level} (available: ${available.join(', ')})`
        : `TypeScript fallback, many times slower${asked}`,
      ok: native || asked !== '',
    },
    ...(path === undefined ? [] : [{ name: 'addon', value: path, ok: true }]),
    ...failures.map(({ path, reason, help }) => ({
      name: 'addon',
      value: `${path} ${reason}`,
      ok: false,
      fix: help,
    })),
  ];
}

function dependency(name: string): Finding {
  const require = createRequire(import.meta.url);
  try {
    const { versions } = require(name) as { versions?: Record<string, string> };
    // Not every package lets its package.json be read.
    const version = versions?.[name] ?? (require(`${name}/package.json`) as { version: string }).version;
    return { name, value: version, ok: true };
  } catch (error) {
    const reason = error instanceof Error ? error.message.split('\n')[0] : String(error);
    return { name, value: `does not load: ${reason}`, ok: false, fix: installCommand(name) };
  }
}

/** Optional: without it, films and rarer kinds of sound are refused. */
async function ffmpeg(): Promise<Finding> {
  const version = await ffmpegVersion();
  if (version !== undefined) return { name: 'ffmpeg', value: version, ok: true };
  const value = 'not on the PATH: no films, and no sounds but WAV, FLAC, MP3 and Ogg Vorbis';
  return { name: 'ffmpeg', value, ok: true, fix: 'install ffmpeg to use them' };
}

/** Where models come from in this environment. Nothing is asked for over the network. */
async function hub(): Promise<Finding[]> {
  try {
    const settings = checkHubOptions({});
    const models = await cachedModels(settings.cacheDir);
    const size = bytes(models.reduce((sum, model) => sum + model.bytes, 0));
    return [
      { name: 'model cache', value: `${settings.cacheDir}, ${models.length} models, ${size}`, ok: true },
      { name: 'model hub', value: await hubAccess(settings), ok: true },
    ];
  } catch (error) {
    const fix = 'correct the environment variable that the message names';
    return [
      { name: 'model hub', value: error instanceof Error ? error.message : String(error), ok: false, fix },
    ];
  }
}
/** How a model of each kind is tried: what loads it, what it is given. */
const TRIALS = {
  text: [(name: string) => TextEmbedder.load(name), 'text', 'The quick brown fox jumps over the lazy dog.'],
  image: [
    (name: string) => ImageEmbedder.load(name),
    'picture',
    { data: new Uint8Array(3), width: 1, height: 1, channels: 3 },
  ],
} as const;

async function tryModel(model: {
  name: string;
  kind: keyof typeof TRIALS;
  files: { dtype: string; bytes: number }[];
}): Promise<Finding> {
  const files = model.files.map((file) => `${file.dtype} ${bytes(file.bytes)}`).join(', ');
  try {
    const started = performance.now();
    const [load, sample, input] = TRIALS[model.kind];
    await using embedder = await load(model.name);
    const loaded = performance.now();
    await embedder.encode(input as never);
    const embedded = performance.now();
    const timing = `loads in ${duration(loaded - started)}, first ${sample} in ${(embedded - loaded).toFixed(1)} ms`;
    return { name: model.name, value: `${files}; ${timing}`, ok: true };
  } catch (error) {
    return {
      name: model.name,
      value: `${files}; ${error instanceof Error ? error.message : error}`,
      ok: false,
    };
  }
}
