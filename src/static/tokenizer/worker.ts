import { parentPort } from 'node:worker_threads';
import { type Encoding, Tokenizer } from 'tokenizers';
import type { TokenLimits } from '../../native/binding.js';
import { toWire } from '../../runtime/protocol.js';
import { utf16Offsets } from '../../text/lane/offsets.js';
import { readTokenizerFile, validTokenizer } from '../../text/tokenizer-file.js';
import { wordPieceSpec } from '../../text/word-piece/spec.js';
import type { TokenizerJson } from '../../text/word-piece/tokenizer-json.js';
import { type TokenizerFacts, tokenizerFacts } from './facts.js';
import type { Encoded, Opened, TokenizedTexts, ToWorker } from './worker-protocol.js';

/**
 * The program of a tokenizer's worker: parses `tokenizer.json`, which takes many milliseconds, and is the
 * library's home for whatever the native tokenizer does not do. `open` is the first message.
 */
let json: string;
let file: string;
let facts: TokenizerFacts;
let library: Tokenizer | undefined;

async function open(path: string): Promise<Opened> {
  file = path;
  json = readTokenizerFile(file);
  return validTokenizer(file, () => {
    const parsed = JSON.parse(json) as TokenizerJson;
    facts = tokenizerFacts(parsed);
    return { facts, wordPiece: wordPieceSpec(parsed) };
  });
}

function tokenizer(): Tokenizer {
  library ??= validTokenizer(file, () => {
    const made = Tokenizer.fromString(json);
    made.disablePadding();
    made.disableTruncation();
    return made;
  });
  return library;
}

/** A text's tokens and which of them are kept, in order. */
interface Kept {
  encoding: Encoding;
  ids: number[];
  kept: number[];
}

async function keptTokens(texts: string[], limits: TokenLimits): Promise<Kept[]> {
  const encodings = await tokenizer().encodeBatch(texts, { addSpecialTokens: false });
  return encodings.map((encoding) => {
    const ids = encoding.getIds();
    const first = limits.fromEnd ? Math.max(0, ids.length - limits.most) : 0;
    const kept: number[] = [];
    for (let i = first; i < Math.min(ids.length, first + limits.most); i++) {
      if (!limits.dropUnknown || ids[i] !== facts.unknown) kept.push(i);
    }
    return { encoding, ids, kept };
  });
}

function encoded(all: Kept[]): Encoded {
  let end = 0;
  const ends = Uint32Array.from(all, ({ kept }) => (end += kept.length));
  const ids = new Uint32Array(end);
  let next = 0;
  for (const text of all) for (const i of text.kept) ids[next++] = text.ids[i];
  return { ids, ends };
}

async function tokenize(texts: string[], limits: TokenLimits): Promise<TokenizedTexts> {
  const all = await keptTokens(texts, limits);
  const tokens: string[] = [];
  const offsets: number[] = [];
  all.forEach(({ encoding, kept }, text) => {
    const spellings = encoding.getTokens();
    const places = utf16Offsets(texts[text], encoding.getOffsets());
    for (const i of kept) {
      tokens.push(spellings[i]);
      offsets.push(places[2 * i], places[2 * i + 1]);
    }
  });
  return { ...encoded(all), tokens, offsets: Uint32Array.from(offsets) };
}

async function answer(message: ToWorker): Promise<Opened | Encoded | TokenizedTexts | string[]> {
  switch (message.method) {
    case 'open':
      return open(message.file);
    case 'encode':
      return encoded(await keptTokens(message.texts, message.limits));
    case 'tokenize':
      return tokenize(message.texts, message.limits);
    case 'decode':
      return tokenizer().decodeBatch(message.ids, message.skipSpecialTokens);
    case 'close':
      throw new Error('close has no answer');
  }
}

parentPort?.on('message', async (message: ToWorker) => {
  if (message.method === 'close') {
    parentPort?.close();
    return;
  }
  try {
    parentPort?.postMessage({ id: message.id, result: await answer(message) });
  } catch (error) {
    parentPort?.postMessage({ id: message.id, error: toWire(error) });
  }
});
