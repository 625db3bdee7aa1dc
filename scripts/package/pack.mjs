// Packs what is published into tarballs: node scripts/package/pack.mjs [--local] [--out build-packages]
//
// --local   with the addon that was built from source on this machine, for trying things out
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { stagePackages } from './stage.mjs';

const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';

/**
 * @returns {Promise<{ name: string, filename: string, size: number, unpackedSize: number, files: { path: string }[] }[]>}
 */
export async function packPackages(out, options) {
  mkdirSync(out, { recursive: true });
  const folders = await stagePackages(join(out, 'packages'), options);
  return folders.map((folder) => {
    const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', out];
    const [packed] = JSON.parse(
      execFileSync(npm, args, { cwd: folder, stdio: ['ignore', 'pipe', 'ignore'] }),
    );
    return { ...packed, filename: join(out, packed.filename), folder };
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: {
      local: { type: 'boolean', default: false },
      out: { type: 'string', default: 'build-packages' },
    },
  });
  const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
  for (const { filename, size, unpackedSize } of await packPackages(resolve(root, values.out), values)) {
    console.log(
      `${filename}  ${(size / 1e6).toFixed(1)} MB packed, ${(unpackedSize / 1e6).toFixed(1)} MB unpacked`,
    );
  }
}
