import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { EmbedlaneError } from '../../core/errors.js';
import { io } from '../../core/io.js';
import type { EncodeOptions, TextEmbedder } from '../../text/index.js';

/** What makes a job the same as an earlier one, so that the rows of both belong in one file. */
export interface JobIdentity {
  inputs: { path: string; bytes: number }[];
  /** Everything that decides what is read and written, by the names of the options. */
  options: Record<string, string | number | boolean | undefined>;
  model: { id: string; file: string; sha256: string; dims: number };
  /** What the model makes of {@link PROBE} with the job's options, in base64. */
  probe: string;
}

/** A text whose vector depends on weights, tokenizer, pooling, prompt and all else. */
const PROBE = 'Änderungen am Modell, 模型的变化 & changes of 3 kinds, show in this sentence.';

/** By how much a component of its vector may differ: quantised models are not the same on every processor. */
const TOLERANCE = 1e-3;

export async function identify(
  paths: readonly string[],
  options: JobIdentity['options'],
  model: TextEmbedder,
  encode: EncodeOptions,
): Promise<JobIdentity> {
  const [inputs, sha256, { data, dims }] = await Promise.all([
    Promise.all(
      paths.map(async (path) => ({ path: resolve(path), bytes: (await io(path, () => stat(path))).size })),
    ),
    fileHash(model.modelFile),
    model.encode(PROBE, encode as { normalize?: boolean }),
  ]);
  return {
    inputs,
    options,
    model: { id: model.modelId, file: basename(model.modelFile), sha256, dims },
    probe: Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64'),
  };
}

/**
 * Refuses to mix the rows of two jobs in one file.
 *
 * @throws {EmbedlaneError} `ERR_INVALID_ARG` naming what is not the same
 */
export function requireSame(before: JobIdentity, now: JobIdentity, out: string): void {
  const differences = [
    ...before.inputs.flatMap(({ path, bytes }, i) => {
      const other = now.inputs[i];
      if (other?.path !== path) return [['input', path, other?.path ?? 'none']];
      return other.bytes === bytes ? [] : [[`input ${path}`, `${bytes} bytes`, `${other.bytes}`]];
    }),
    ...now.inputs.slice(before.inputs.length).map(({ path }) => ['input', 'none', path]),
    ...changed('', before.options, now.options),
    ...changed('model ', before.model, now.model),
  ];
  if (differences.length === 0 && !similar(before.probe, now.probe)) {
    differences.push([
      'model',
      'one that computes what it computed then',
      'one that computes something else',
    ]);
  }
  if (differences.length === 0) return;
  const [what, expected, actual] = differences[0];
  throw new EmbedlaneError(
    'ERR_INVALID_ARG',
    `Expected the same ${what} as when ${out} was begun (${expected}) but received ${actual}; --no-resume starts again`,
  );
}

function changed(prefix: string, before: Record<string, unknown>, now: Record<string, unknown>): string[][] {
  const keys = [...new Set([...Object.keys(before), ...Object.keys(now)])];
  return keys
    .filter((key) => before[key] !== now[key])
    .map((key) => [`${prefix}${key}`, String(before[key] ?? 'none'), String(now[key] ?? 'none')]);
}

function similar(a: string, b: string): boolean {
  const [x, y] = [a, b].map((text) => new Float32Array(Uint8Array.from(Buffer.from(text, 'base64')).buffer));
  return x.length === y.length && x.every((value, i) => Math.abs(value - y[i]) <= TOLERANCE);
}

async function fileHash(path: string): Promise<string> {
  return io(path, async () => {
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20 }))
      hash.update(chunk as Buffer);
    return hash.digest('hex');
  });
}
