import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));

export interface Outcome {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

/** Runs an ES module in a Node process of its own, in which `embedlane` and `#dist/` resolve. */
export function runNode(source: string, env: NodeJS.ProcessEnv = {}, flags: string[] = []): Promise<Outcome> {
  const child = spawn(process.execPath, [...flags, '--input-type=module', '-e', source], {
    cwd: root,
    // Only what the test asks for: the run itself may have chosen a backend.
    env: { ...process.env, EMBEDLANE_BACKEND: '', EMBEDLANE_SIMD: '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  return new Promise((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}
