import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WordVectors } from '#dist/index.js';
import { fixture, readGolden, readMatrix } from '../text/goldens.js';

interface Golden {
  words: string[];
  nearest: { word: string; neighbours: [string, number][] }[];
  sentences: { words: string[]; mean_of_known: number[] }[];
}

const golden = readGolden<Golden>('tiny/tiny-word2vec.json');
const vectors = readMatrix('tiny/tiny-word2vec_vectors.f32.bin', 16);
const path = (name: string) => fixture(`models/tiny-word2vec/${name}`);

describe.each([
  ['vectors.txt', 0],
  ['vectors.bin', 0],
  ['vectors_nonl.bin', 0],
  ['glove.txt', 6e-7],
])('WordVectors from %s', (name, tolerance) => {
  let words: WordVectors;
  beforeAll(async () => {
    words = await WordVectors.load(path(name));
  });

  it('has every word and its vector', () => {
    expect(words.words).toEqual(golden.words);
    expect([words.size, words.dimensions]).toEqual([200, 16]);
    golden.words.forEach((word, i) => {
      expect(words.has(word)).toBe(true);
      words.vector(word).forEach((value, d) => {
        expect(Math.abs(value - vectors.data[i * 16 + d])).toBeLessThanOrEqual(tolerance);
      });
    });
    expect(words.has('zzz-unknown')).toBe(false);
  });

  it('finds the neighbours that gensim finds', async () => {
    for (const { word, neighbours } of golden.nearest) {
      const found = await words.mostSimilar({ positive: word, topK: neighbours.length });
      expect(found.map((hit) => hit.word)).toEqual(neighbours.map(([neighbour]) => neighbour));
      found.forEach(({ word: other, score }, i) => {
        expect(Math.abs(score - neighbours[i][1])).toBeLessThanOrEqual(1e-5);
        expect(Math.abs(words.similarity(word, other) - score)).toBeLessThanOrEqual(1e-6);
      });
    }
  });

  it('means the known words of a sentence', () => {
    for (const { words: sentence, mean_of_known } of golden.sentences) {
      words.mean(sentence).forEach((value, d) => {
        expect(Math.abs(value - mean_of_known[d])).toBeLessThanOrEqual(1e-6);
      });
    }
    expect(words.mean(['zzz-unknown'])).toEqual(new Float32Array(16));
  });
});

describe('WordVectors', () => {
  let scratch: string;
  beforeAll(async () => {
    scratch = await mkdtemp(join(tmpdir(), 'embedlane-words-'));
  });
  afterAll(() => rm(scratch, { recursive: true }));

  it('answers analogies, leaving out the words of the question', async () => {
    const file = join(scratch, 'analogy.vec');
    // fastText ends its lines with a space; a word may be there twice, the first counts; GloVe's may have spaces.
    await writeFile(file, '6 2 \nking 1 1 \nman 1 0 \nwoman 0 1 \nqueen 0.1 2 \nman 9 9 \n. . 3 3 \n');
    const words = await WordVectors.load(file);
    expect(words.words).toEqual(['king', 'man', 'woman', 'queen', '. .']);
    const found = await words.mostSimilar({ positive: ['king', 'woman'], negative: ['man'], topK: 2 });
    expect(found.map(({ word }) => word)).toEqual(['queen', '. .']);
    const near = await words.mostSimilar({ positive: new Float32Array([1, 0]), topK: 1 });
    expect(near[0].word).toBe('man');
    expect((await WordVectors.load(file, { limit: 2 })).words).toEqual(['king', 'man']);
  });

  it.each(['vectors.txt', 'vectors.bin', 'glove.txt'])('reads %s compressed with gzip', async (name) => {
    const file = join(scratch, `${name}.gz`);
    const content = await readFile(path(name));
    // In two members, as pigz and appending write them.
    await writeFile(
      file,
      Buffer.concat([content.subarray(0, 777), content.subarray(777)].map((part) => gzipSync(part))),
    );
    const [plain, words] = [await WordVectors.load(path(name)), await WordVectors.load(file)];
    expect(words.words).toEqual(plain.words);
    expect(words.words.map((word) => words.vector(word))).toEqual(
      plain.words.map((word) => plain.vector(word)),
    );
    expect((await WordVectors.load(file, { limit: 3 })).size).toBe(3);
  });

  it('refuses files that are cut short or wrong', async () => {
    const text = await readFile(path('vectors.txt'));
    const binary = await readFile(path('vectors.bin'));
    const nan = Buffer.from(binary);
    nan.writeFloatLE(Number.NaN, 7 + 4);
    const damaged: [string, Buffer | string][] = [
      ['half a text', text.subarray(0, text.length / 2)],
      ['half a binary', binary.subarray(0, binary.length / 2)],
      ['more than it says', Buffer.concat([binary, Buffer.from('word')])],
      ['NaN', Buffer.concat([binary.subarray(0, 11), nan.subarray(11)]).fill(0xff, 11, 15)],
      ['words for numbers', '2 2\na 1 2\nb x 3\n'],
      ['NaN in text', '1 2\na 1 nan\n'],
      ['too few values', '2 2\na 1 2\nb 3\n'],
      ['no dimensions', '1 0\na\n'],
      ['nothing', ''],
      ['no vectors', 'hello'],
      ['more words than memory', '4000000000 300\na '],
      ['a number beyond float32', 'a 1 1e39\n'],
      [
        'more words than memory, compressed',
        gzipSync(`4000000000 2\na 1 2\n${randomBytes(6_000_000).toString('latin1')}`),
      ],
      ['half of a compressed one', gzipSync(text).subarray(0, 3000)],
      ['a compressed one that is damaged', gzipSync(text).fill(0x55, 500, 520)],
    ];
    for (const [name, content] of damaged) {
      const file = join(scratch, 'damaged');
      await writeFile(file, content);
      await expect(WordVectors.load(file), name).rejects.toMatchObject({ code: 'ERR_MODEL_INVALID' });
    }
    for (const none of [join(scratch, 'nothing'), scratch]) {
      await expect(WordVectors.load(none)).rejects.toMatchObject({ code: 'ERR_MODEL_NOT_FOUND' });
    }
  });

  it('hears of an abort, and lets the event loop turn, among empty lines', async () => {
    const file = join(scratch, 'empty-lines');
    await writeFile(file, `a 1 2\n${'\n'.repeat(8_000_000)}`);
    const signal = AbortSignal.timeout(50);
    await expect(WordVectors.load(file, { signal })).rejects.toMatchObject({ code: 'ERR_ABORTED' });
  });

  it('refuses misuse', async () => {
    const words = await WordVectors.load(path('vectors.bin'));
    expect(() => words.vector('zzz-unknown')).toThrow(/known words/);
    expect(() => words.mean('the cat' as never)).toThrow(/array of strings/);
    expect(() => words.mean([['the', 'cat']] as never)).toThrow(/string for words\[0\]/);
    for (const query of [{}, { positive: 'zzz-unknown' }, { positive: 'the', topK: 0 }, { positiv: 'the' }]) {
      await expect(words.mostSimilar(query as never)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG' });
    }
    await expect(words.mostSimilar({ positive: new Float32Array(3) })).rejects.toMatchObject({
      code: 'ERR_DIMENSION',
    });
    await expect(WordVectors.load(5 as never)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG' });
    await expect(WordVectors.load('x', { format: 'json' as never })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG',
    });
    const signal = AbortSignal.abort();
    await expect(WordVectors.load(path('vectors.txt'), { signal })).rejects.toMatchObject({
      code: 'ERR_ABORTED',
    });
  });
});
