// The adapters with the real packages, in a scratch project: types checked, and one small job done with each.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** What runs on every version of Node.js that embedlane runs on. */
const PACKAGES = [
  'ai@6',
  '@ai-sdk/provider@3',
  '@langchain/core@1',
  '@llamaindex/core@0.6',
  '@llamaindex/env@0.1',
  'chromadb@3',
];
/** LanceDB's binary, and what it needs at hand. */
const LANCEDB = ['@lancedb/lancedb@0', 'apache-arrow@18'];

const fixtures = join(root, 'test/fixtures/models');
const folder = mkdtempSync(join(tmpdir(), 'embedlane-adapters-'));
try {
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
  run('npm', [
    'install',
    '--no-audit',
    '--no-fund',
    '--silent',
    '--ignore-scripts',
    '--legacy-peer-deps',
    ...PACKAGES,
    ...LANCEDB,
  ]);
  symlinkSync(root, join(folder, 'node_modules/embedlane'), 'junction');
  cpSync(join(root, 'scripts/adapters/jobs.mts'), join(folder, 'jobs.mts'));
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({
      compilerOptions: {
        ...{
          strict: true,
          target: 'ES2022',
          module: 'NodeNext',
          moduleResolution: 'NodeNext',
          outDir: 'out',
        },
        ...{ lib: ['ES2023', 'DOM', 'ESNext.Disposable'], types: ['node'], skipLibCheck: true },
        typeRoots: [join(root, 'node_modules/@types')],
      },
      files: ['jobs.mts'],
    }),
  );
  const tsc = createRequire(join(root, 'package.json')).resolve('@typescript/native/package.json');
  run(process.execPath, [join(dirname(tsc), 'bin', 'tsc'), '-p', 'tsconfig.json']);
  const done = execFileSync(process.execPath, ['out/jobs.mjs', fixtures], { cwd: folder, encoding: 'utf8' });
  process.stdout.write(done);
  assert.equal(done.match(/^ok: /gm)?.length, 7);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function run(command, args) {
  execFileSync(command, args, { cwd: folder, stdio: ['ignore', 'inherit', 'inherit'] });
}
