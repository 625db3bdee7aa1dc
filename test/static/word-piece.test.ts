import { readFileSync } from 'node:fs';
import { Tokenizer } from 'tokenizers';
import { describe, expect, it } from 'vitest';
import { MOST_TOKENS_PER_UNIT } from '#dist/native/binding.js';
import { loadBinding } from '#dist/native/load.js';
import { StaticTokenizer } from '#dist/static/tokenizer/index.js';
import { wordPieceSpec } from '#dist/text/word-piece/spec.js';
import { joinStrings } from '#dist/text/word-piece/strings.js';
import { fuzzTexts, fuzzWords, wellFormed } from '../text/fuzz-texts.js';
import { fixture, readGolden } from '../text/goldens.js';

const WHOLE = { most: 2 ** 32 - 1, fromEnd: false, dropUnknown: false };
const MODELS = ['tiny-static', 'tiny-bert-cls', '../../../models/all-MiniLM-L6-v2'];

/** Ids of all texts, one after the other, as the addon gives them. */
async function tokenized(spec: ReturnType<typeof wordPieceSpec>, texts: readonly string[]) {
  const binding = loadBinding();
  const handle = await binding.createWordPiece?.(spec as NonNullable<typeof spec>, 2);
  const strings = joinStrings(texts);
  const room = {
    ids: new Uint32Array(strings.units.length * MOST_TOKENS_PER_UNIT),
    ends: new Uint32Array(texts.length),
    known: new Uint8Array(texts.length),
  };
  await binding.encodeWordPiece?.(handle as NonNullable<typeof handle>, strings, WHOLE, room);
  return room;
}

async function natively(tokenizer: StaticTokenizer, texts: string[], limits = WHOLE): Promise<number[][]> {
  const { ids, ends } = await tokenizer.encode(texts, limits);
  return texts.map((_, i) => Array.from(ids.subarray(ends[i - 1] ?? 0, ends[i])));
}

async function byLibrary(file: string, texts: string[]): Promise<number[][]> {
  const library = Tokenizer.fromString(readFileSync(file, 'utf8'));
  library.disableTruncation();
  library.disablePadding();
  const encodings = await library.encodeBatch(texts, { addSpecialTokens: false });
  return encodings.map((encoding) => encoding.getIds());
}

describe.skipIf(loadBinding().backend !== 'native')('native WordPiece', () => {
  const { texts: goldenTexts } = readGolden<{ texts: string[] }>('tokenizers/texts.json');
  const texts = [...goldenTexts, ...fuzzTexts(3000)];

  it.each(MODELS)('gives the ids of the library: %s', async (name) => {
    const file = fixture(`models/${name}/tokenizer.json`);
    const tokenizer = await StaticTokenizer.open(file, loadBinding(), 2);
    expect(tokenizer.native).toBe(true);
    expect(await natively(tokenizer, texts)).toEqual(await byLibrary(file, texts));
    tokenizer.close();
  });

  it.each(MODELS)('gives the same ids for words that it has seen, next to whatever: %s', async (name) => {
    const file = fixture(`models/${name}/tokenizer.json`);
    const tokenizer = await StaticTokenizer.open(file, loadBinding(), 2);
    const some = fuzzWords(3000);
    const expected = await byLibrary(file, some.map(wellFormed));
    for (let round = 0; round < 2; round++) expect(await natively(tokenizer, some)).toEqual(expected);
    // Each of them as the last of all, with nothing behind it.
    for (const i of [0, 1, 2, 3, 4, 5, 6, 7]) {
      expect(await natively(tokenizer, [some[i]])).toEqual([expected[i]]);
    }
    tokenizer.close();
  });

  it('looks for added tokens in the middle of words, and has no room for longer words', async () => {
    const json = JSON.parse(readFileSync(fixture('models/tiny-static/tokenizer.json'), 'utf8'));
    const some = fuzzWords(500).map(
      (text) => `${text} the10char abqxcd ☃the ☃ the ☃  qx\u0085 \u3000☃\u2028\tqx\u00a0a`,
    );
    const changes: { added?: string; most?: number; strips?: boolean }[] = [
      { added: 'qx' },
      { added: '☃' },
      { added: 'qx', strips: true },
      { added: '☃', strips: true },
      { added: '☃ the', strips: true },
      { most: 6 },
    ];
    for (const { added, most, strips = false } of changes) {
      const own = structuredClone(json);
      if (added)
        own.added_tokens.push({
          ...json.added_tokens[0],
          lstrip: strips,
          rstrip: strips,
          id: Object.keys(json.model.vocab).length,
          content: added,
        });
      if (most) own.model.max_input_chars_per_word = most;
      const spec = wordPieceSpec(own);
      const room = await tokenized(spec, some);
      const library = Tokenizer.fromString(JSON.stringify(own));
      library.disableTruncation();
      library.disablePadding();
      const encodings = await library.encodeBatch(some.map(wellFormed), { addSpecialTokens: false });
      encodings.forEach((encoding, i) => {
        const ids = Array.from(room.ids.subarray(room.ends[i - 1] ?? 0, room.ends[i]));
        expect(ids, some[i]).toEqual(encoding.getIds());
      });
    }
  });

  it.each([
    ['the first', { most: 5, fromEnd: false, dropUnknown: false }],
    ['the last', { most: 5, fromEnd: true, dropUnknown: false }],
    ['the known of the first', { most: 5, fromEnd: false, dropUnknown: true }],
  ])('keeps %s few tokens', async (_, limits) => {
    const file = fixture('models/tiny-static/tokenizer.json');
    const tokenizer = await StaticTokenizer.open(file, loadBinding(), 2);
    const { unknown } = tokenizer.facts;
    const expected = (await byLibrary(file, texts)).map((ids) => {
      const kept = limits.fromEnd ? ids.slice(-limits.most) : ids.slice(0, limits.most);
      return limits.dropUnknown ? kept.filter((id) => id !== unknown) : kept;
    });
    expect(await natively(tokenizer, texts, limits)).toEqual(expected);
    tokenizer.close();
  });

  it('folds every character as the library does', async () => {
    // One piece for each character, at the start of a word and inside, so that no difference can hide in [UNK].
    const json = JSON.parse(readFileSync(fixture('models/tiny-static/tokenizer.json'), 'utf8'));
    const reordering: number[] = [];
    // Where scripts with letters, marks and punctuation are; between them are ideographs.
    for (const block of [0, 0x2000, 0xa000, 0xe000, 0x10000, 0x1c000, 0x1e000]) {
      const codes = Array.from({ length: 0x2000 }, (_, i) => block + i).filter(
        (c) => c < 0xd800 || c > 0xdfff,
      );
      const sources = codes.map((code) => String.fromCodePoint(code));
      const characters = new Set(
        sources.flatMap((c) => [
          c,
          ...c.normalize('NFD').toLowerCase(),
          ...c.toLowerCase(),
          ...c.normalize('NFD'),
        ]),
      );
      const vocab: Record<string, number> = { '[UNK]': 0, x: 1, '##x': 2 };
      let next = 3;
      for (const character of characters) {
        for (const piece of [character, `##${character}`]) vocab[piece] ??= next++;
      }
      const own = { ...json, added_tokens: [], model: { ...json.model, vocab } };
      const spec = wordPieceSpec(own);
      const texts = sources.map((character) => `${character} x${character}x`);
      const room = await tokenized(spec, texts);
      const library = Tokenizer.fromString(JSON.stringify(own));
      const encodings = await library.encodeBatch(texts, { addSpecialTokens: false });
      encodings.forEach((encoding, i) => {
        const ids = Array.from(room.ids.subarray(room.ends[i - 1] ?? 0, room.ends[i]));
        if (room.known[i] === 0) reordering.push(codes[i]);
        else expect(ids, `U+${codes[i].toString(16)}`).toEqual(encoding.getIds());
      });
    }
    // Those few that it leaves to the library.
    expect(reordering.length).toBeLessThan(100);
  });

  it('takes whole words, long words and long texts', async () => {
    const file = fixture('models/tiny-static/tokenizer.json');
    const tokenizer = await StaticTokenizer.open(file, loadBinding(), 2);
    const long = ['a'.repeat(100), 'a'.repeat(101), 'é'.repeat(300_000), 'hello '.repeat(100_000)];
    expect(await natively(tokenizer, long)).toEqual(await byLibrary(file, long));
    tokenizer.close();
  });

  it.each(['##', '', '@'])('splits words into pieces of every length, continued by %j', async (prefix) => {
    const json = JSON.parse(readFileSync(fixture('models/tiny-static/tokenizer.json'), 'utf8'));
    const letters = 'abcdefghijklmnopqrst';
    const parts = [1, 2, 7, 8, 9, 13, 14, 15, 16, 17].flatMap((length) =>
      [0, 1, 2].map((start) => letters.slice(start, start + length)),
    );
    const tokens = new Set(['[UNK]', 'zebra', ...parts, ...parts.map((part) => prefix + part), `${prefix}q`]);
    const vocab = Object.fromEntries(Array.from(tokens, (token, id) => [token, id]));
    const own = {
      ...json,
      added_tokens: [],
      model: { ...json.model, vocab, continuing_subword_prefix: prefix },
    };
    const texts = [0, 1, 2].flatMap((start) =>
      Array.from({ length: 18 }, (_, length) => letters.slice(start, start + length)).flatMap((word) => [
        word,
        `’${word}’`,
        `zebra${word}`,
        `a${word} ${word}a ab${word}q`,
        `${word}é`,
      ]),
    );
    const { ids, ends } = await tokenized(wordPieceSpec(own), texts);
    const library = Tokenizer.fromString(JSON.stringify(own));
    const encodings = await library.encodeBatch(texts, { addSpecialTokens: false });
    encodings.forEach((encoding, i) => {
      expect(Array.from(ids.subarray(ends[i - 1] ?? 0, ends[i])), texts[i]).toEqual(encoding.getIds());
    });
  });

  it('leaves other tokenizers to the library', () => {
    const json = JSON.parse(readFileSync(fixture('models/tiny-static/tokenizer.json'), 'utf8'));
    expect(wordPieceSpec(json)).toBeDefined();
    for (const change of [
      { pre_tokenizer: { type: 'Whitespace' } },
      { normalizer: { ...json.normalizer, strip_accents: false } },
      { normalizer: { ...json.normalizer, clean_text: false } },
      { normalizer: null },
      { added_tokens: [{ ...json.added_tokens[0], single_word: true }] },
      // The library would give it another id.
      { added_tokens: [{ ...json.added_tokens[0], content: 'new', id: 5000 }] },
      { model: { ...json.model, unk_token: 'nothing' } },
      { model: { type: 'BPE', vocab: {}, merges: [] } },
    ]) {
      expect(wordPieceSpec({ ...json, ...change })).toBeUndefined();
    }
  });
});
