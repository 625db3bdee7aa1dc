import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { LocalStore } from 'embedlane/stores';
import { beforeAll, describe, expect, it } from 'vitest';
import { cli, jsonLines, temporaryFolder } from './support.js';

interface Result {
  hits: { rank: number; score: number; file: string; line: number; text: string; heading?: string }[];
}

let folder: string;
let notes: string;
let store: string;

beforeAll(async () => {
  folder = await temporaryFolder();
  notes = join(folder, 'notes');
  store = pathToFileURL(join(folder, 'store')).href;
  await mkdir(notes);
  await writeFile(
    join(notes, 'pets.md'),
    '# Pets\n\nCats sleep most of the day.\n\n# Birds\n\nParrots can talk.\n',
  );
  await writeFile(join(notes, 'money.txt'), 'The central bank raised interest rates.\n');
  const { status, stderr, stdout } = await cli(['index', notes, '--store', store]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toMatch(/^3 passages of 2 files embedded in .*, stored in file:\/\//);
});

async function ask(question: string, ...args: string[]): Promise<Result['hits']> {
  const { status, stdout, stderr } = await cli(['search', question, '--store', store, '--json', ...args]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return jsonLines<Result>(stdout)[0].hits;
}

describe('embedlane with --store', () => {
  it('finds passages by meaning', async () => {
    const hits = await ask('which animal naps a lot?', '-k', '2');
    expect(hits).toHaveLength(2);
    expect(hits[0]).toMatchObject({
      rank: 1,
      file: 'pets.md',
      line: 1,
      text: '# Pets\n\nCats sleep most of the day.',
    });
    expect(hits[0].score).toBeGreaterThan(hits[1].score);
  });

  it.each(['--image', '--audio', '--html'])('has nothing to do with %s', async (flag) => {
    const { status, stdout, stderr } = await cli(['search', 'cats', '--store', store, flag, 'file']);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain(`for ${flag} but received --store`);
  });

  it('finds them by a filter, and by their words', async () => {
    const filter = JSON.stringify({ field: 'file', eq: 'money.txt' });
    expect((await ask('which animal naps a lot?', '--filter', filter)).map(({ file }) => file)).toEqual([
      'money.txt',
    ]);
    expect((await ask('parrots', '--hybrid'))[0]).toMatchObject({ file: 'pets.md', line: 5 });
  });

  it('keeps files of two sources that have the same name', async () => {
    const both = join(folder, 'both');
    for (const [name, text] of [
      ['cats', 'Cats sleep most of the day.'],
      ['banks', 'The central bank raised interest rates.'],
    ]) {
      await mkdir(join(folder, name));
      await writeFile(join(folder, name, 'readme.md'), text);
      for (let run = 0; run < 2; run++) {
        expect((await cli(['index', join(folder, name), '--store', both])).status).toBe(0);
      }
    }
    await using records = await LocalStore.open(both, { readOnly: true });
    expect(await records.count()).toBe(2);
  });

  it('replaces what it indexed before, and copies it elsewhere', async () => {
    await rm(join(notes, 'money.txt'));
    await writeFile(join(notes, 'pets.md'), '# Pets\n\nDogs bark.\n');
    expect((await cli(['index', notes, '--store', store])).status).toBe(0);
    const copy = join(folder, 'copy');
    const { status, stdout, stderr } = await cli(['copy', store, copy, '--json']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(jsonLines(stdout)[0]).toMatchObject({ from: store, to: copy, records: 1 });
    await using copied = await LocalStore.open(copy, { readOnly: true });
    expect(await copied.get([`${notes}/pets.md#0`])).toMatchObject([
      { document: '# Pets\n\nDogs bark.', metadata: { line: 1 } },
    ]);
    expect(await copied.count()).toBe(1);
  });

  it('makes a store as it is told, and leaves one that is there as it is', async () => {
    const half = join(folder, 'half');
    const flags = ['--store-dtype', 'f16', '--metric', 'dot', '--index-type', 'flat'];
    for (const more of [flags, []]) {
      const { status, stderr } = await cli(['index', notes, '--store', half, ...more]);
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      await using made = await LocalStore.open(half, { readOnly: true });
      expect(await made.info()).toEqual({ dims: 384, metric: 'dot', dtype: 'f16' });
    }
    const bits = join(folder, 'bits');
    expect((await cli(['copy', half, bits, '--store-dtype', 'b1'])).status).toBe(0);
    await using copied = await LocalStore.open(bits, { readOnly: true });
    expect(await copied.info()).toEqual({ dims: 384, metric: 'hamming', dtype: 'b1' });
  });

  it.each<[string, (empty: string) => string[], RegExp]>([
    ['a dtype that is none', () => ['index', notes, '--store', store, '--store-dtype', 'f8'], /f8.*invalid/],
    [
      'another dtype than it has',
      () => ['index', notes, '--store', store, '--store-dtype', 'f16'],
      /ERR_CONFLICT/,
    ],
    ['a dtype without --store', () => ['index', notes, '--store-dtype', 'f16'], /Expected --store/],
    ['an empty store', (empty) => ['search', 'a', '--store', empty], /at \S+empty but .*ERR_NOT_FOUND/],
    ['no question', () => ['search', '--store', store], /Expected a question/],
    ['broken JSON', () => ['search', 'a', '--store', store, '--filter', '{'], /Expected JSON for --filter/],
    ['a wrong filter', () => ['search', 'a', '--store', store, '--filter', '{"a":1}'], /ERR_INVALID_ARG/],
    ['--hybrid alone', () => ['search', 'a', '--hybrid'], /Expected --store/],
    [
      'nothing to copy',
      (empty) => ['copy', empty, join(folder, 'target')],
      /at \S+empty but .*ERR_NOT_FOUND/,
    ],
    ['nothing to export', (empty) => ['export', empty, 'a.jsonl'], /at \S+empty but .*ERR_NOT_FOUND/],
    ['another scheme', () => ['copy', store, 'ftp://host/a'], /'ftp:'/],
  ])('says what is wrong with %s', async (_, args, message) => {
    const { status, stderr } = await cli(args(join(folder, 'empty')));
    expect(stderr).toMatch(message);
    expect(status).not.toBe(0);
  });
});
