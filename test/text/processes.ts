import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'vitest';

/** Processes can be looked at here (and only here without tools that may be missing). */
export const hasProc = process.platform === 'linux';

/** Live child processes of `pid`. One that has ended but was not collected (a zombie) is not alive. */
export function childrenOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => stat(Number(name))?.parent === pid)
    .map(Number);
}

export function isAlive(pid: number): boolean {
  return stat(pid) !== undefined;
}

function stat(pid: number): { parent: number } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name, in parentheses, may contain anything.
    const [state, parent] = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return state === 'Z' || state === 'X' ? undefined : { parent: Number(parent) };
  } catch {
    return undefined;
  }
}

export interface Program {
  child: ChildProcess;
  output: { stdout: string; stderr: string };
  /** Lanes that the program has started, once it printed `ready`. */
  lanes: number[];
  ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

/** Texts that keep MiniLM busy for seconds. */
export const BUSY = `Array.from({ length: 400 }, (_, i) => ('many words in text ' + i + ' ').repeat(60))`;

/** Gives a program of {@link startProgram} the promise `seen`: its lanes have been looked for, it may end. */
const SEEN = `const seen = new Promise((resolve) => process.stdin.once('data', () => {
  process.stdin.destroy();
  resolve();
}));
`;

/**
 * Runs an ES module in a process of its own and waits until it prints `ready`, which is when its lanes are
 * looked for. After that its promise `seen` resolves.
 */
export async function startProgram(source: string): Promise<Program> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', SEEN + source], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  const ended: Program['ended'] = new Promise((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output.stderr += text;
  });
  let lanes: number[] = [];
  await new Promise<void>((resolve, reject) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output.stdout += text;
      if (!output.stdout.includes('ready') || lanes.length > 0) return;
      lanes = childrenOf(child.pid as number);
      child.stdin.end('seen');
      resolve();
    });
    void ended.then(() => reject(new Error(`The program ended early: ${output.stderr}`)));
  });
  expect(lanes.length, 'lanes of the program').toBeGreaterThan(0);
  return { child, output, lanes, ended };
}

/** Waits for processes to be gone. */
export async function expectGone(pids: number[]): Promise<void> {
  await expect.poll(() => pids.filter(isAlive), { timeout: 20_000, interval: 20 }).toEqual([]);
}
