import { spawn } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** A program of a page and what it prints. */
export interface Example {
  code: string;
  printed: string;
}

/** Pairs of a `js` block and the `text` block right after it. */
export function examplesOf(page: string): Example[] {
  const markdown = readFileSync(join(ROOT, page), 'utf8');
  const pairs = markdown.matchAll(/```js\n((?:(?!```).)*)```\s+```text\n(.*?)```/gs);
  return Array.from(pairs, ([, code, printed]) => ({ code, printed }));
}

/** Runs a program inside the repository, so that `embedlane` resolves to this package. */
export async function runExample(name: string, code: string) {
  const file = join(ROOT, `.example-${name.replace(/\W/g, '-')}.mjs`);
  writeFileSync(file, code);
  try {
    const child = spawn(process.execPath, [file], { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
    const exit = new Promise<number | null>((resolve) => child.once('close', resolve));
    const [stdout, stderr, status] = await Promise.all([text(child.stdout), text(child.stderr), exit]);
    return { stdout, stderr, status };
  } finally {
    rmSync(file, { force: true });
  }
}
