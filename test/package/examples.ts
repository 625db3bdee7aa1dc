import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Every page that users read, relative to the root. */
export const PAGES = [
  'README.md',
  'CONTRIBUTING.md',
  'examples/README.md',
  'bench/README.md',
  ...readdirSync(join(ROOT, 'docs'), { recursive: true })
    .map((name) => `docs/${String(name).replaceAll('\\', '/')}`)
    .filter((name) => name.endsWith('.md')),
];

/** A block of code of a page. */
export interface Block {
  page: string;
  /** Of the opening fence, from 1. */
  line: number;
  language: string;
  code: string;
  /** The `text` block right after it: what it prints. */
  printed: string | undefined;
  /** Why it cannot be run here: the rest of a first line `// Needs …`, `# Needs …`, which readers see too. */
  needs: string | undefined;
}

/** All blocks of code of a page, but for the `text` blocks that say what another one prints. */
export function blocksOf(page: string): Block[] {
  const markdown = readFileSync(join(ROOT, page), 'utf8');
  const fenced = [...markdown.matchAll(/^( *)```(\w*)\n(.*?)^\1```$/gms)];
  return fenced.flatMap(([whole, , language, code], i) => {
    const { index } = fenced[i];
    const next = fenced[i + 1];
    const follows = next?.[2] === 'text' && markdown.slice(index + whole.length, next.index).trim() === '';
    const before = fenced[i - 1];
    const answers = language === 'text' && before !== undefined && /^(js|sh)$/.test(before[2]);
    if (answers && markdown.slice(before.index + before[0].length, index).trim() === '') return [];
    const line = markdown.slice(0, index).split('\n').length;
    const needs = /^(?:\/\/|#) Needs (.+)\n/.exec(code)?.[1];
    return [{ page, line, language, code, printed: follows ? next[3] : undefined, needs }];
  });
}

/** The programs of a page that say what they print. */
export function examplesOf(page: string): { code: string; printed: string }[] {
  return blocksOf(page).flatMap(({ language, code, printed }) =>
    language === 'js' && printed !== undefined ? [{ code, printed }] : [],
  );
}

/** Runs a program inside the repository, so that `embedlane` resolves to this package. */
export async function runExample(name: string, code: string, env: NodeJS.ProcessEnv = {}) {
  const file = join(ROOT, `.example-${name.replace(/\W/g, '-')}.mjs`);
  writeFileSync(file, code);
  try {
    return await runProgram([file], env);
  } finally {
    rmSync(file, { force: true });
  }
}

/** Runs node in the repository and says all that it said. */
export async function runProgram(args: string[], env: NodeJS.ProcessEnv = {}) {
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exit = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [stdout, stderr, status] = await Promise.all([text(child.stdout), text(child.stderr), exit]);
  return { stdout, stderr, status };
}
