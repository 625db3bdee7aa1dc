import type { Stats } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join, relative, resolve, sep } from 'node:path';
import { throwIfAborted } from '../../core/abort.js';
import { io } from '../../core/io.js';
import { isJsonl, readJsonlField } from '../../files/jsonl.js';
import { type Chunk, chunkText } from './chunk.js';

/** A chunk of a source file: what `search` finds. */
export interface Passage extends Chunk {
  /** Path relative to the indexed folder, with `/`; for a single file, its name. */
  readonly file: string;
}

/** What is embedded for a passage: the heading that it stands under belongs to its meaning. */
export function passageText({ heading, text }: Passage): string {
  return heading === undefined ? text : `${heading}\n\n${text}`;
}

export interface Collection {
  passages: Passage[];
  /** Number of files that were read. */
  files: number;
  /** Files left out because they are not UTF-8 text or too large. */
  skipped: string[];
}

/** Larger files are data, not prose. */
const MAX_FILE_BYTES = 64 * 1024 * 1024;
/** How much of a file is searched for NUL bytes, the mark of a binary file (as git does). */
const SNIFF_BYTES = 8192;

/**
 * Reads the passages of a folder (recursively; hidden entries, `node_modules` and links are left out), of one
 * text file, or of a JSON-lines file (one passage a record, not cut).
 *
 * @throws {EmbedlaneError} `ERR_IO` when the source cannot be read
 */
export async function collectPassages(
  source: string,
  options: { field: string; maxChars: number; signal?: AbortSignal },
): Promise<Collection> {
  const info = await io(source, () => stat(source));
  const collection: Collection = { passages: [], files: 0, skipped: [] };
  if (info.isFile()) {
    await addFile(collection, source, basename(source), info, options);
    return collection;
  }
  for (const path of await walk(resolve(source))) {
    throwIfAborted(options.signal);
    const name = relative(resolve(source), path).split(sep).join('/');
    await addFile(collection, path, name, await io(path, () => stat(path)), options);
  }
  return collection;
}

/** Files below `folder`, sorted by path so that an index does not depend on the file system's order. */
async function walk(folder: string): Promise<string[]> {
  const found: string[] = [];
  const entries = await io(folder, () => readdir(folder, { withFileTypes: true }));
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (entry.name.startsWith('.') || entry.name === 'node_modules') continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) found.push(...(await walk(path)));
    else if (entry.isFile()) found.push(path);
  }
  return found;
}

async function addFile(
  collection: Collection,
  path: string,
  name: string,
  info: Stats,
  options: { field: string; maxChars: number; signal?: AbortSignal },
): Promise<void> {
  if (isJsonl(path)) {
    for await (const record of readJsonlField(path, options.field)) {
      throwIfAborted(options.signal);
      collection.passages.push({ file: name, line: record.number, text: record.text });
    }
    collection.files++;
    return;
  }
  const text = info.size > MAX_FILE_BYTES ? undefined : asText(await io(path, () => readFile(path)));
  if (text === undefined) {
    collection.skipped.push(name);
    return;
  }
  for (const chunk of chunkText(text, options.maxChars)) {
    collection.passages.push({ file: name, ...chunk });
  }
  collection.files++;
}

/** The text in `bytes`, or undefined when they are not UTF-8 text. */
function asText(bytes: Buffer): string | undefined {
  if (bytes.subarray(0, SNIFF_BYTES).includes(0)) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
