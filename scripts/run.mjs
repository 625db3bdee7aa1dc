// Commands that a script runs in the repository's root, one after the other.
import { spawnSync } from 'node:child_process';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Runs a command with this program's output; where it fails, this program ends with its status. */
export function run(command, args, env = {}) {
  const { status, signal, error } = spawnSync(command, args, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...env },
  });
  if (error) console.error(`${command}: ${error.message}`);
  if (signal) console.error(`${command} ended by ${signal}`);
  if (status !== 0) process.exit(status ?? 1);
}
