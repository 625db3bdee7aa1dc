// Two ways: vectors inside the bundle with the addon copied beside it, and everything of embedlane left outside.
import { cp } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const common = { bundle: true, platform: 'node', format: 'esm', target: 'node20', logLevel: 'error' };
await build({ ...common, entryPoints: ['app.mjs'], outfile: 'out/bundled/app.mjs' });
const embedlane = dirname(fileURLToPath(import.meta.resolve('embedlane/package.json')));
await cp(`${embedlane}/prebuilds`, 'out/bundled/prebuilds', { recursive: true });
await build({
  ...common,
  entryPoints: ['../esm/main.mjs'],
  outfile: 'out/external/main.mjs',
  external: ['embedlane'],
});
