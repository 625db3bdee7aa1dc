// Compiles src/ into dist/ and removes outputs whose source is gone: a stale file in dist/ would be published.
import { spawnSync } from 'node:child_process';
import { chmod, cp, readdir, rm, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const require = createRequire(import.meta.url);
const tsc = join(dirname(require.resolve('@typescript/native/package.json')), 'bin', 'tsc');

const compiled = spawnSync(process.execPath, [tsc, '-p', join(root, 'tsconfig.build.json')], {
  stdio: 'inherit',
});
if (compiled.status !== 0) process.exit(compiled.status ?? 1);

const exists = (path) =>
  stat(path).then(
    () => true,
    () => false,
  );

for (const entry of await readdir(join(root, 'dist'), { recursive: true, withFileTypes: true })) {
  if (!entry.isFile()) continue;
  const output = join(entry.parentPath, entry.name);
  const copied = output.replace(join(root, 'dist'), join(root, 'src'));
  const source = copied.replace(/(\.d)?\.[jt]s$/, '.ts');
  if (!(await exists(source)) && !(await exists(copied))) await rm(output);
}

// The server's pages are written for browsers and served as they are.
await cp(join(root, 'src/server/pages'), join(root, 'dist/server/pages'), { recursive: true });

await chmod(join(root, 'dist/cli/main.js'), 0o755).catch(() => {});
