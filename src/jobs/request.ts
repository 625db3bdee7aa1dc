import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join, relative, resolve, sep } from 'node:path';
import { EmbedlaneError, invalidArgument } from '../core/errors.js';
import { io } from '../core/io.js';
import { iterable } from '../core/stream-parts.js';
import { integer, oneOf, optionalString, optionsObject } from '../core/validate.js';
import { isJsonl } from '../files/jsonl.js';
import { isParquet } from '../files/parquet.js';
import { DTYPES } from '../hub/index.js';
import type { JobFields, JobRequest, JobSpec } from './types.js';

const JOB_ID = /^[A-Za-z0-9_-]{1,64}$/;
const KEYS = [
  'inputs',
  'records',
  'root',
  'store',
  'model',
  'dtype',
  'collection',
  'fields',
  'id',
  'shardRows',
  'shardBytes',
  'attempts',
  'retryDelay',
  'signal',
  'onProgress',
] as const;

/** Checks what a job is, apart from its rows. */
export async function jobSpec(request: JobRequest): Promise<JobSpec> {
  const known = optionsObject<JobRequest>('request', request, KEYS);
  const { inputs, records } = known;
  if ((inputs === undefined) === (records === undefined)) {
    throw new EmbedlaneError('ERR_INVALID_ARG', 'Expected either inputs or records for request');
  }
  if (records !== undefined) iterable('request.records', 'records', records);
  const root = resolve(optionalString('request.root', known.root) ?? '.');
  const files = inputs === undefined ? [] : await inputFiles(inputs, root);
  if (typeof known.store !== 'string' || known.store === '') {
    throw new EmbedlaneError(
      'ERR_INVALID_ARG',
      'Expected the URL of a store, or env:NAME, for request.store',
    );
  }
  const { metric, dtype, index } = optionsObject('request.collection', known.collection, [
    'metric',
    'dtype',
    'index',
  ]);
  const fields = fieldsArgument(known.fields);
  if (Object.values(known.fields ?? {}).some((name) => name !== undefined)) requireFields(files);
  return {
    root,
    store: known.store,
    model: optionalString('request.model', known.model) ?? 'all-MiniLM-L6-v2',
    dtype: oneOf('request.dtype', known.dtype ?? 'auto', DTYPES),
    collection: { metric, dtype, index },
    fields,
    inputs: files,
    shardRows: integer('request.shardRows', known.shardRows ?? 512, 1, 100_000),
    shardBytes: integer('request.shardBytes', known.shardBytes ?? 2 ** 20, 1, 64 * 2 ** 20),
    attempts: integer('request.attempts', known.attempts ?? 8, 1, 1000),
    retryDelay: integer('request.retryDelay', known.retryDelay ?? 1000, 1, 60_000),
  };
}

/** Checks a job's id. */
export function jobId(name: string, value: unknown): string {
  if (typeof value === 'string' && JOB_ID.test(value)) return value;
  throw invalidArgument(name, "1 to 64 letters, digits, '_' and '-'", value);
}

/** An id that the same request has again. Rows that travel in the queue have no name to go by. */
export function idOf({ shardRows, shardBytes, attempts, retryDelay, ...what }: JobSpec): string {
  return createHash('sha256').update(JSON.stringify(what)).digest('hex').slice(0, 12);
}

/** Files by their names below the root, with `/`: that is how they are called on every machine. */
async function inputFiles(inputs: unknown, root: string): Promise<JobSpec['inputs']> {
  if (!Array.isArray(inputs) || inputs.length === 0 || inputs.some((name) => typeof name !== 'string')) {
    throw invalidArgument('request.inputs', 'names of files', inputs);
  }
  const files = new Map<string, JobSpec['inputs'][number]>();
  for (const input of inputs as string[]) {
    const path = resolve(root, input);
    const name = relative(root, path);
    const isAbove = name === '..' || name.startsWith(`..${sep}`);
    if (name === '' || isAbove || resolve(root, name) !== join(root, name)) {
      throw invalidArgument('request.inputs', `files below ${root}`, input);
    }
    const found = await io(path, () => stat(path));
    if (!found.isFile()) throw invalidArgument('request.inputs', 'files', input);
    const called = name.split(sep).join('/');
    files.set(called, { name: called, bytes: found.size, modified: found.mtimeMs });
  }
  return [...files.values()];
}

/** Lines of other files are texts as a whole: what was to be their id or metadata would be no word of them. */
function requireFields(files: JobSpec['inputs']): void {
  if (files.length === 0 || files.some(({ name }) => isJsonl(name) || isParquet(name))) return;
  throw new EmbedlaneError(
    'ERR_INVALID_ARG',
    `Expected files named .jsonl, .ndjson or .parquet for request.fields but received ${files[0].name}`,
  );
}

function fieldsArgument(fields: JobFields | undefined): JobSpec['fields'] {
  const known = optionsObject('request.fields', fields, ['text', 'id', 'metadata']);
  const metadata = known.metadata ?? [];
  if (!Array.isArray(metadata) || metadata.some((name) => typeof name !== 'string')) {
    throw invalidArgument('request.fields.metadata', 'an array of names', metadata);
  }
  return {
    text: optionalString('request.fields.text', known.text) ?? 'text',
    id: optionalString('request.fields.id', known.id),
    metadata: [...metadata],
  };
}
