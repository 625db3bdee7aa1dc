import { mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { fixture } from '../text/goldens.js';
import { cli, jsonLines, temporaryFolder } from './support.js';

interface Result {
  question: string;
  hits: { rank: number; score: number; file: string; line: number; text: string }[];
}

let folder: string;
let notes: string;
let index: string;

beforeAll(async () => {
  folder = await temporaryFolder();
  notes = join(folder, 'notes');
  index = join(folder, 'index');
  await mkdir(join(notes, 'deep'), { recursive: true });
  await mkdir(join(notes, '.hidden'));
  await writeFile(
    join(notes, 'pets.md'),
    '# Pets\n\nCats sleep most of the day.\n\n# Birds\n\nParrots can talk.\n',
  );
  await writeFile(join(notes, 'deep', 'money.txt'), '\n\nThe central bank raised interest rates.\n');
  await writeFile(join(notes, '.hidden', 'secret.txt'), 'The central bank is a secret.\n');
  await writeFile(join(notes, 'image.bin'), Buffer.from([0x89, 0, 1, 2, 0xff]));
  const { status, stderr, stdout } = await cli(['index', notes, '--index', index]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toMatch(/^3 passages of 2 files \(1 left out: not text\) embedded in /);
});

async function ask(question: string, ...args: string[]): Promise<Result['hits']> {
  const { status, stdout, stderr } = await cli(['search', question, '--index', index, '--json', ...args]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return jsonLines<Result>(stdout)[0].hits;
}

describe('embedlane index and search', () => {
  it.each([
    ['which animal naps a lot?', 'pets.md', 1],
    ['an animal that speaks', 'pets.md', 5],
    ['monetary policy', 'deep/money.txt', 3],
  ])('answers "%s" with %s:%i', async (question, file, line) => {
    const hits = await ask(question);
    expect(hits.map((hit) => hit.rank)).toEqual([1, 2, 3]);
    expect(hits[0]).toMatchObject({ file, line });
    expect(hits[0].score).toBeGreaterThan(hits[1].score);
  });

  it('prints ranked passages with score, file and line for a person', async () => {
    const { stdout } = await cli(['search', 'monetary policy', '--index', index, '-k', '1']);
    expect(stdout).toMatch(
      /1\. 0\.\d{4} {2}deep\/money\.txt:3\n {5}The central bank raised interest rates\.\n/,
    );
  });

  it('answers several questions at once', async () => {
    const { stdout } = await cli(['search', 'felines', 'inflation', '--index', index, '-k', '1', '--json']);
    expect(jsonLines<Result>(stdout).map((result) => result.hits[0].file)).toEqual([
      'pets.md',
      'deep/money.txt',
    ]);
  });

  it('replaces an index and leaves only the files of the new one', async () => {
    const other = join(folder, 'replaced');
    expect((await cli(['index', notes, '--index', other])).status).toBe(0);
    expect((await cli(['index', join(notes, 'pets.md'), '--index', other, '--json'])).status).toBe(0);
    expect(await readdir(other)).toHaveLength(3);
    const { stdout } = await cli(['search', 'x', '--index', other, '--json']);
    expect(jsonLines<Result>(stdout)[0].hits.map((hit) => hit.file)).toEqual(['pets.md', 'pets.md']);
  });

  it('indexes the records of a JSON-lines file with their line numbers', async () => {
    const file = join(folder, 'facts.jsonl');
    await writeFile(file, '{"body":"Water boils at 100 degrees."}\n\n{"body":"Paris is in France."}\n');
    const facts = join(folder, 'facts');
    expect((await cli(['index', file, '--field', 'body', '--index', facts])).status).toBe(0);
    const { stdout } = await cli(['search', 'geography', '--index', facts, '-k', '1', '--json']);
    expect(jsonLines<Result>(stdout)[0].hits[0]).toMatchObject({ file: 'facts.jsonl', line: 3 });
  });

  it('finds damage in every file of an index', async () => {
    const entries = await readdir(index, { recursive: true, withFileTypes: true });
    for (const { name, parentPath } of entries.filter((entry) => entry.isFile() && entry.name !== 'LOCK')) {
      const path = join(parentPath, name);
      const bytes = await readFile(path);
      const damaged = Buffer.from(bytes);
      damaged[bytes.length >> 1] ^= 0x20;
      for (const content of [damaged, bytes.subarray(0, bytes.length - 5), Buffer.alloc(0)]) {
        await writeFile(path, content);
        const { status, stdout, stderr } = await cli(['search', 'x', '--index', index]);
        // A flipped bit in the manifest's free text changes nothing that the search relies on.
        if (name === 'manifest.json' && content === damaged && status === 0) continue;
        expect({ name, status, stdout }).toEqual({ name, status: 1, stdout: '' });
        expect(stderr).toMatch(/\[ERR_(CORRUPT|IO)\]/);
      }
      await writeFile(path, bytes);
    }
    expect(await ask('monetary policy', '-k', '1')).toHaveLength(1);
  });

  it('refuses an index that a newer version wrote', async () => {
    const path = join(index, 'manifest.json');
    const manifest = await readFile(path, 'utf8');
    await writeFile(path, manifest.replace('"version": 2', '"version": 3'));
    expect((await cli(['search', 'x', '--index', index])).stderr).toContain('[ERR_VERSION]');
    await writeFile(path, manifest);
  });

  it.each(['', 'pets.md', 'pets.md/index'])(
    'refuses to write an index to "%s" before it embeds',
    async (name) => {
      const { status, stdout, stderr } = await cli(['index', notes, '--model', 'nonesuch', '--index', name], {
        cwd: notes,
      });
      expect({ status, stdout }).toEqual({ status: name === '' ? 2 : 1, stdout: '' });
      expect(stderr).toMatch(name === '' ? /received "" \[ERR_INVALID_ARG\]/ : /\[ERR_IO\]/);
    },
  );

  it('keeps a relative model for who searches from elsewhere', async () => {
    await symlink(fixture('models/tiny-static'), join(folder, 'model'));
    const own = join(folder, 'own');
    const made = await cli(['index', notes, '--index', own, '--model', './model'], { cwd: folder });
    expect(made).toMatchObject({ status: 0, stderr: '' });
    const { status, stderr } = await cli(['search', 'cats', '--index', own], { cwd: notes });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  it.each(['nonesuch', 'notes/pets.md'])(
    'says how to make an index where there is none: %s',
    async (name) => {
      const { status, stderr } = await cli(['search', 'x', '--index', join(folder, name)]);
      expect(status).toBe(1);
      expect(stderr).toContain(`Expected an index folder at ${join(folder, name)} `);
      expect(stderr).toContain('embedlane index <folder or file>');
    },
  );

  it.each(['', ' \n'])('refuses the question %j, of an empty variable for example', async (question) => {
    const { status, stdout, stderr } = await cli(['search', 'x', question, '--index', index]);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain('Expected a question with words in it');
  });

  it.each([['0'], ['-1'], ['1.5'], ['many']])('refuses -k %s with exit code 2', async (k) => {
    expect((await cli(['search', 'x', '--index', index, '-k', k])).status).toBe(2);
  });

  it('refuses a source without text', async () => {
    const empty = join(folder, 'empty');
    await mkdir(empty);
    expect((await cli(['index', empty, '--index', join(folder, 'never')])).status).toBe(2);
    await rm(empty, { recursive: true });
    expect((await cli(['index', empty, '--index', join(folder, 'never')])).stderr).toContain('[ERR_IO]');
  });
});
