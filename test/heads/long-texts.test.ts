import { beforeAll, describe, expect, it, vi } from 'vitest';
import { pairSequence } from '#dist/heads/lane/pairs.js';
import { TextTokenizer } from '#dist/text/lane/tokenizer.js';
import { fixture } from '../text/goldens.js';

const MAX_TOKENS = 128;
const words = ['the', 'cats', 'unbelievably', 'x86', 'naïve', '漢字', '😀', 'a,b.c', '\n'];
/** Texts of words, of other lengths than the beginnings that are looked at, and such without a border between words. */
const TEXTS = [
  ...[10, 300, 10_000].map((count) =>
    Array.from({ length: count }, (_, i) => words[(i * 7) % words.length]).join(' '),
  ),
  'a'.repeat(5_000),
  '漢'.repeat(5_000),
  ' '.repeat(8_000),
  `${' '.repeat(7_000)}the end`,
  `${'b'.repeat(2_000)} then words ${'and more '.repeat(500)}`,
  '',
  // As many tokens as the model reads, one less and one more, each a character; and many more in few characters.
  ...[126, 127, 128, 129].map((count) => '.'.repeat(count)),
  '.'.repeat(2_900),
];
const LONG = TEXTS[2];

describe.each(['tiny-bert-cls', 'tiny-xlmr', 'tiny-decoder'])('beginnings of long texts for %s', (name) => {
  let tokenizer: TextTokenizer;
  let left: TextTokenizer;
  beforeAll(async () => {
    const options = { maxTokens: MAX_TOKENS, lowercase: false };
    const files = { file: fixture(`models/${name}/tokenizer.json`) } as never;
    tokenizer = await TextTokenizer.open({ files, ...options });
    left = await TextTokenizer.open({
      files: { ...(files as object), truncationSide: 'left' } as never,
      ...options,
    });
  });
  it('have the tokens of the whole texts', async () => {
    for (const each of [tokenizer, left]) {
      for (const wish of [undefined, { maxTokens: 7, side: undefined }]) {
        const truncation = each.truncation(wish);
        const { sequences } = await (await each.library()).sequences(TEXTS, truncation, []);
        expect(await each.sequencesOfBeginnings(TEXTS, truncation)).toEqual(sequences);
      }
    }
  });

  it('are all that is read of texts of words', async () => {
    const read = vi.spyOn(tokenizer, 'sequences');
    await tokenizer.sequencesOfBeginnings([LONG], undefined);
    await tokenizer.encodePairBeginnings([['a cat', LONG]]);
    const characters = read.mock.calls
      .flatMap(([texts]) => texts)
      .reduce((sum, text) => sum + text.length, 0);
    read.mockRestore();
    expect(characters).toBeGreaterThan(0);
    expect(characters).toBeLessThan(LONG.length / 2);
  });

  it('stand for them in pairs too', async () => {
    const { truncationSide } = tokenizer;
    expect(truncationSide).toBe('right');
    const pairs = TEXTS.flatMap((first) => [
      [first, 'the end'],
      ['a cat', first],
      [first, LONG],
    ]) as [string, string][];
    const [read, whole] = await Promise.all([
      tokenizer.encodePairBeginnings(pairs),
      (await tokenizer.library()).encodePairs(pairs),
    ]);
    read.forEach((encoding, i) => {
      const found = pairSequence(encoding, MAX_TOKENS, false);
      expect(found, `pair ${i}`).toEqual(pairSequence(whole[i], MAX_TOKENS, false));
    });
  });
});
