import { describe, expect, it } from 'vitest';
import { chunkText } from '#dist/cli/passages/chunk.js';

const chunks = (text: string, maxChars?: number) => Array.from(chunkText(text, maxChars));

describe('chunkText', () => {
  it('joins short paragraphs and remembers the line of the first', () => {
    expect(chunks('\nOne.\n\n\nTwo,\nstill two.\n')).toEqual([{ text: 'One.\n\nTwo,\nstill two.', line: 2 }]);
  });

  it('starts a new chunk at a Markdown heading, a glossary term and a title', () => {
    expect(chunks('# A\n\ntext\n\n## B\n\nmore\n\n  :C: n.\n\n  meaning\n\nA Title\n\nNo title!')).toEqual([
      { text: '# A\n\ntext', line: 1 },
      { text: '## B\n\nmore', line: 5 },
      { text: ':C: n.\n\nmeaning', line: 9 },
      { text: 'A Title\n\nNo title!', line: 13 },
    ]);
  });

  it('keeps a title together with the section title right below it', () => {
    expect(chunks('# A\n\n## B\n\ntext')).toEqual([{ text: '# A\n\n## B\n\ntext', line: 1 }]);
  });

  it('removes only the indentation that all lines of a paragraph share', () => {
    expect(chunks('    if x:\n        y()\n')[0].text).toBe('if x:\n    y()');
  });

  it('cuts a long paragraph between sentences, losing nothing, and keeps line numbers', () => {
    const text = Array.from({ length: 40 }, (_, i) => `Sentence number ${i} stands here.`).join('\n');
    const cut = chunks(text, 200);
    expect(cut.length).toBeGreaterThan(5);
    expect(cut.map((chunk) => chunk.text).join('\n')).toBe(text);
    for (const chunk of cut) {
      expect(chunk.text.length).toBeLessThanOrEqual(200);
      expect(text.split('\n')[chunk.line - 1]).toBe(chunk.text.split('\n')[0]);
    }
  });

  it('does not take a line break for the end of a sentence', () => {
    const text = Array.from({ length: 30 }, (_, i) => `Sentence ${i} is wrapped\nover two lines.`).join(' ');
    for (const chunk of chunks(text, 200)) expect(chunk.text).toMatch(/^Sentence .* lines\.$/s);
  });

  it('keeps a heading with the beginning of the long paragraph below it', () => {
    const sentence = 'A sentence of a few words. ';
    const [first, ...rest] = chunks(`# Heading\n\n${sentence.repeat(20)}`, 200);
    expect(first.text).toMatch(/^# Heading\n\nA sentence/);
    expect(first.line).toBe(1);
    for (const chunk of [first, ...rest]) expect(chunk.text.length).toBeLessThanOrEqual(202);
    for (const chunk of rest) expect(chunk.heading).toBe('# Heading');
    expect(first.heading).toBeUndefined();
    const lengths = rest.map((chunk) => chunk.text.length);
    expect(Math.min(...lengths)).toBeGreaterThan(100);
  });

  it('cuts a monstrous word without tearing a surrogate pair', () => {
    const cut = chunks('😀'.repeat(5000), 100);
    expect(cut.map((chunk) => chunk.text).join('')).toBe('😀'.repeat(5000));
    for (const chunk of cut) expect(chunk.text).not.toMatch(/^[\udc00-\udfff]|[\ud800-\udbff]$/);
  });

  it('counts a CJK character as four', () => {
    const cut = chunks('文字。'.repeat(100), 200);
    for (const chunk of cut) expect(chunk.text.length).toBeLessThanOrEqual(50);
    expect(cut.map((chunk) => chunk.text).join('')).toBe('文字。'.repeat(100));
  });

  it.each(['', '\n\n', '   \n\t\n'])('has no chunk for %j', (text) => {
    expect(chunks(text)).toEqual([]);
  });
});
