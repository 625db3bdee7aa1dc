import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROOT, runProgram } from './examples.js';

const folder = mkdtempSync(join(tmpdir(), 'embedlane-apps-'));
const texts = join(folder, 'texts');
afterAll(() => rmSync(folder, { recursive: true }));
beforeAll(() => {
  mkdirSync(texts);
  writeFileSync(join(texts, 'cats.md'), '# Cats\n\nCats sleep for most of the day.\n');
  writeFileSync(join(texts, 'bank.md'), '# Money\n\nThe central bank raised its rates again.\n');
});

/** Runs a program of examples/, which may say nothing on stderr. */
async function run(name: string, ...args: string[]): Promise<string> {
  const { stdout, stderr, status } = await runProgram([`examples/${name}.mjs`, ...args]);
  expect({ stderr, status }, stdout).toEqual({ stderr: '', status: 0 });
  return stdout;
}

describe('examples', () => {
  it('are all in the list', () => {
    const page = readFileSync(join(ROOT, 'examples/README.md'), 'utf8');
    // These two are imported by others.
    const parts = ['files.mjs', 'passages.mjs'];
    const programs = readdirSync(join(ROOT, 'examples')).filter(
      (name) => name.endsWith('.mjs') && !parts.includes(name),
    );
    for (const name of programs) expect(page).toContain(`\`node examples/${name}`);
  });

  it('search-folder embeds what has changed, and only that', async () => {
    const where = join(folder, 'search');
    const ask = () => run('search-folder', texts, 'which animal is lazy?', where);
    expect(await ask()).toMatch(/^2 files have changed\n\n0\.\d{3} {2}.*cats\.md:1\n/);
    expect(await ask()).toMatch(/^0 files have changed\n/);
    writeFileSync(join(texts, 'sloths.md'), 'intro\n\nThe laziest animal of all is the sloth.\n');
    rmSync(join(texts, 'cats.md'));
    const changed = await ask();
    expect(changed).toMatch(/^2 files have changed\n\n0\.\d{3} {2}.*sloths\.md:1\n/);
    expect(changed).not.toContain('cats.md');
  });

  it('rag writes a prompt that has the passage with the answer', async () => {
    const prompt = await run('rag', texts, 'What did the central bank do?', join(folder, 'rag'));
    expect(prompt).toMatch(/^Answer the question .*\n\n\[1\] .*bank\.md:1\n[\s\S]*raised its rates/);
    expect(prompt.trimEnd()).toMatch(/Question: What did the central bank do\?$/);
  });

  it('picture-search finds the nearest, and keeps what it has embedded', async () => {
    const pictures = join(folder, 'pictures');
    mkdirSync(pictures);
    for (const name of ['cat.jpg', 'coffee.jpg', 'rocket.jpg'])
      cpSync(join(ROOT, 'examples/images', name), join(pictures, name));
    const ask = () =>
      run('picture-search', pictures, 'examples/images/cat-small.jpg', join(folder, 'pictures.index'));
    expect(await ask()).toMatch(/^3 pictures, 3 of them new\n0\.\d{3} .*cat\.jpg\n/);
    expect(await ask()).toMatch(/^3 pictures, 0 of them new\n0\.\d{3} .*cat\.jpg\n/);
  });

  it('search-service answers, refuses what it cannot answer, and ends when told to', async () => {
    const where = join(folder, 'service');
    const child = spawn(process.execPath, ['examples/search-service.mjs', texts, '0', where], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      const ended = once(child, 'exit').then(([code]) => {
        throw new Error(`the service ended with ${code} before it listened`);
      });
      const [line] = await Promise.race([once(createInterface(child.stdout), 'line'), ended]);
      ended.catch(() => {});
      const { origin } = new URL(line);
      const ask = async (path: string) => {
        const response = await fetch(`${origin}${path}`);
        return { status: response.status, body: (await response.json()) as Record<string, unknown> };
      };
      const { status, body } = await ask('/search?q=interest+of+loans&k=1');
      expect(status).toBe(200);
      expect(body.hits).toEqual([
        expect.objectContaining({
          file: join(texts, 'bank.md'),
          text: expect.stringContaining('central bank'),
        }),
      ]);
      expect((await ask('/search')).status).toBe(400);
      expect(await ask('/search?q=a&k=-1')).toMatchObject({
        status: 400,
        body: { error: expect.stringContaining('Expected') },
      });
      expect((await ask('/')).status).toBe(404);
      child.kill('SIGTERM');
      expect(await once(child, 'exit')).toEqual([0, null]);
    } finally {
      child.kill('SIGKILL');
    }
  });
});
