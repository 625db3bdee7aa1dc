import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type Outcome, outcome } from '../outcome.js';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Runs an ES module in a Node process of its own, in which `embedlane` and `#dist/` resolve. */
export function runNode(source: string, env: NodeJS.ProcessEnv = {}, flags: string[] = []): Promise<Outcome> {
  const child = spawn(process.execPath, [...flags, '--input-type=module', '-e', source], {
    cwd: root,
    // Only what the test asks for: the run itself may have chosen a backend.
    env: { ...process.env, EMBEDLANE_BACKEND: '', EMBEDLANE_REQUIRE_NATIVE: '', EMBEDLANE_SIMD: '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return outcome(child);
}
