import { describe, expect, it } from 'vitest';
import { parseLargeJson } from '#dist/core/large-json.js';

const parse = (text: string, maxValues = 1_000_000) =>
  parseLargeJson(Buffer.from(text), JSON.parse, maxValues);
const many = <T>(count: number, item: (i: number) => T) => Array.from({ length: count }, (_, i) => item(i));

/** What takes several pieces, and what looks like their borders. */
const VALUES: [string, unknown][] = [
  ['short texts', many(50_000, (i) => `some words ${i}`)],
  ['texts of brackets, quotes and commas', many(20_000, (i) => `],}"\\${'\\'.repeat(i % 5)}",[{:"${i}`)],
  ['texts that are not ASCII', many(20_000, (i) => `über 猫 \u{1f408} \ud800 ${i}`)],
  ['lists of numbers', many(5000, (i) => many(40, (j) => (i * j) / 7 - 3e-7))],
  ['one long list of numbers', [many(200_000, (i) => -i)]],
  ['a long text between short ones', ['a', 'b'.repeat(500_000), 'c', ['d'.repeat(200_000)], 'e']],
  ['objects', many(10_000, (i) => ({ text: `a ${i}`, image: null, flag: i % 2 === 0, list: [{}, [], ''] }))],
  ['many fields', Object.fromEntries(many(20_000, (i) => [`name ${i}`, { i }]))],
  [
    'a request',
    { model: 'a', input: { texts: many(30_000, String), large: 'x'.repeat(300_000) }, user: 'b', last: [] },
  ],
  ['a text alone', 'x'.repeat(400_000)],
  // Shifted, so that a cut falls on each of their bytes.
  ...['\u{1f408}猫', '\u0001', '\ud83d', '"', '\\', '\\\\"', '\n x', 'ü"\\\u0001'].map(
    (part): [string, unknown] => [
      `a long text of ${JSON.stringify(part)}`,
      [part.repeat(300_000), `.${part.repeat(100_000)}`, `..${part.repeat(100_000)}`],
    ],
  ),
];

describe('large JSON', () => {
  it.each(VALUES)('is what JSON.parse makes of it: %s', async (_, value) => {
    for (const text of [JSON.stringify(value), JSON.stringify(value, null, 2)]) {
      expect(JSON.stringify(await parse(text))).toBe(JSON.stringify(JSON.parse(text)));
    }
  });

  it('keeps a pair of escaped surrogates together', async () => {
    for (const before of ['', 'a', 'aa', 'aaa', 'aaaa', 'aaaaa']) {
      const written = `"${before}${'\\ud83d\\udc08'.repeat(60_000)}"`;
      expect(await parse(written)).toBe(before + '\u{1f408}'.repeat(60_000));
    }
  });

  const text = JSON.stringify(many(40_000, (i) => `text ${i}`));
  const space = ' '.repeat(200_000);
  it.each<[string, string]>([
    ['blank', space],
    ['cut short', text.slice(0, -1)],
    ['cut in a text', text.slice(0, -3)],
    ['followed by more', `${text}1`],
    ['followed by another', `${text}${text}`],
    ['one with a comma too many', text.replace(/]$/, ',]')],
    ['one that begins with a comma', text.replace(/^\[/, '[,')],
    ['two commas in a row', text.replace('"text 20000",', '"text 20000",,')],
    ['two commas after a long text', `["${space}",,"${space}"]`],
    ['a missing comma', text.replace('"text 20000",', '"text 20000" ')],
    ['brackets of two kinds', `[{"a":[1,2},${text.slice(1)}`],
    ['the wrong bracket', `{${text.slice(1, -1)}}`],
    ['a bracket too many', `[[]],${text.slice(1)}`],
    ['a name without a value', `{"a"${space}}`],
    ['a value without a name', `{${text}}`],
    ['a name that is no text', `{1:${text}}`],
    ['a word that is none', `[nope,${text.slice(1)}`],
    ['a line break in a text', `["a\nb",${text.slice(1)}`],
    ['a line break in a long text', `["${'x'.repeat(700_000)}\n"]`],
    ['a long text and more', `"${'x'.repeat(700_000)}"x"`],
    ['an escape that is cut short', `"${'x'.repeat(700_000)}\\u12"`],
    ['an escape that is none', `"${'x'.repeat(700_000)}\\x41"`],
    ['an escaped end', `"${'x'.repeat(700_000)}\\"`],
    ['no end', '['.repeat(300_000)],
  ])('is refused if it is %s', async (_, wrong) => {
    expect(wrong.length).toBeGreaterThan(128 * 1024);
    expect(() => JSON.parse(wrong)).toThrow();
    await expect(parse(wrong)).rejects.toThrow(SyntaxError);
  });

  it('is refused if it is nested deeper than any request', async () => {
    const deep = `${'['.repeat(150_000)}${']'.repeat(150_000)}`;
    await expect(parse(deep)).rejects.toThrow('nested too deeply');
    expect(await parse(`[[[["${space}"]]]]`)).toEqual([[[[space]]]]);
  });

  it('is refused if it has too many values', async () => {
    const lists = JSON.stringify(many(60_000, (i) => [i, i]));
    await expect(parse(lists, 59_999)).rejects.toThrow(RangeError);
    expect(await parse(lists, 60_000)).toHaveLength(60_000);
    await expect(parse(`[${JSON.stringify(many(40_000, (i) => `text ${i}`))}]`, 30_000)).rejects.toThrow(
      RangeError,
    );
  });

  it('may be empty with a lot around it', async () => {
    expect(await parse(`[${space}]`)).toEqual([]);
    expect(await parse(`${space}{${space}}${space}`)).toEqual({});
    expect(await parse(`\ufeff[1,${space}2]`)).toEqual([1, 2]);
  });

  it('has the last of duplicate names, whatever their size', async () => {
    const large = 'x'.repeat(200_000);
    expect(await parse(`{"a":"${large}","b":1,"a":2}`)).toEqual({ a: 2, b: 1 });
    expect((await parse(`{"a":2,"b":1,"a":"${large}"}`)) as object).toEqual({ a: large, b: 1 });
  });

  it('lets the event loop turn', async () => {
    const body = JSON.stringify({ input: many(300_000, (i) => [i]) });
    let turns = 0;
    let running = true;
    const turn = () => {
      turns++;
      if (running) setImmediate(turn);
    };
    setImmediate(turn);
    await parse(body);
    running = false;
    expect(turns).toBeGreaterThan(3);
  });
});
