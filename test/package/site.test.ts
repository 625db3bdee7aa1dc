import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { commandsOf } from './shell.js';

const { deadLinks } = (await import(new URL('../../scripts/docs/links.mjs', import.meta.url).href)) as {
  deadLinks(folder: string): { page: string; link: string }[];
};

describe('commands of a shell block', () => {
  it.each<[string, string[][]]>([
    [
      'npm ci && npm start',
      [
        ['npm', 'ci'],
        ['npm', 'start'],
      ],
    ],
    ['npx embedlane search "what is it?" -k 2 # two', [['embedlane', 'search', 'what is it?', '-k', '2']]],
    ['a \\\n  --b\n\n# nothing\nc | d', [['a', '--b'], ['c'], ['d']]],
    [`curl x -d '{"a":\n  1}'`, [['curl', 'x', '-d', '{"a":\n  1}']]],
    ['sudo apt-get install x', [['apt-get', 'install', 'x']]],
  ])('%j', (code, commands) => {
    expect(commandsOf(code)).toEqual(commands);
  });
});

describe('dead links', () => {
  it('are files and places that are not there; addresses elsewhere are not followed', () => {
    const folder = mkdtempSync(join(tmpdir(), 'embedlane-links-'));
    try {
      const links = [
        'b.html',
        'b.html#here',
        '#top',
        'b.html#gone',
        'c.html',
        'https://example.org/',
        '#',
        'with%20space.css',
      ];
      const anchors = links.map((link) => `<a href="${link}">x</a>`).join('');
      writeFileSync(join(folder, 'a.html'), `<h1 id="top">A</h1>${anchors}`);
      writeFileSync(join(folder, 'b.html'), '<h2 id="here">B</h2><img src="none.png">');
      writeFileSync(join(folder, 'with space.css'), '');
      expect(deadLinks(folder).sort((a, b) => a.link.localeCompare(b.link))).toEqual([
        { page: 'a.html', link: 'b.html#gone' },
        { page: 'a.html', link: 'c.html' },
        { page: 'b.html', link: 'none.png' },
      ]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
