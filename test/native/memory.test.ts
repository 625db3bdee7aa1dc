import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { loadBinding } from '#dist/native/load.js';
import { runNode } from './processes.js';

const hasLimits =
  process.platform === 'linux' &&
  loadBinding().backend === 'native' &&
  spawnSync('prlimit', ['--version']).status === 0;

describe.runIf(hasLimits)('memory that is not to be had', () => {
  it('is an error of the call that wants it, and does not end the process', async () => {
    // Sums of no rows: it is the sums that want 34 GB. The limit leaves JavaScript more than it can need.
    const { code, signal, stdout, stderr } = await runNode(`
      import { spawnSync } from 'node:child_process';
      import { readFileSync } from 'node:fs';
      import { loadBinding } from '#dist/native/load.js';
      const binding = loadBinding();
      const mapped = 1024 * Number(/VmSize:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]);
      const limit = '--as=' + (mapped + 2 ** 33);
      if (spawnSync('prlimit', ['--pid', String(process.pid), limit]).status !== 0) throw new Error(limit);
      try {
        binding.pool(new Float32Array(0), new Uint8Array(0), 0, 0, 2 ** 32 - 1, ['mean'], false, null);
      } catch (error) {
        console.log(error.name, error.code);
      }`);
    expect({ code, signal, stdout, stderr }).toEqual({
      code: 0,
      signal: null,
      stdout: 'EmbedlaneError ERR_RUNTIME\n',
      stderr: '',
    });
  });
});
