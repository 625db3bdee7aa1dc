import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Pairs of a `js` block and the `text` block right after it: a program and what it prints. */
function examples(markdown: string): { code: string; printed: string }[] {
  const pairs = markdown.matchAll(/```js\n((?:(?!```).)*)```\s+```text\n(.*?)```/gs);
  return Array.from(pairs, ([, code, printed]) => ({ code, printed }));
}

describe.each([
  'README.md',
  'docs/heads.md',
  'docs/text.md',
  'docs/vectors.md',
  'docs/index.md',
  'docs/runtime.md',
  'docs/server.md',
  'docs/adapters.md',
  'docs/static.md',
  'docs/images.md',
])('%s', (name) => {
  const found = examples(readFileSync(join(ROOT, name), 'utf8'));

  it('has examples', () => {
    expect(found.length).toBeGreaterThan(0);
  });

  it.each(found.map((example, i) => ({ ...example, i })))(
    'example $i prints what it says',
    ({ code, printed, i }) => {
      // Inside the repository, so that `embedlane` resolves to this package.
      const file = join(ROOT, `.example-${name.replace(/\W/g, '-')}-${i}.mjs`);
      writeFileSync(file, code);
      try {
        const { stdout, stderr, status } = spawnSync(process.execPath, [file], {
          encoding: 'utf8',
          cwd: ROOT,
        });
        expect({ stdout, stderr, status }).toEqual({ stdout: printed, stderr: '', status: 0 });
      } finally {
        rmSync(file, { force: true });
      }
    },
  );
});
