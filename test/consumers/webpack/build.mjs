// Two ways: vectors inside the bundle with the addon copied beside it, and everything of embedlane left outside.
import { cp } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import webpack from 'webpack';

const common = {
  mode: 'production',
  target: 'node20',
  context: import.meta.dirname,
  experiments: { outputModule: true },
  output: { module: true, path: `${import.meta.dirname}/out`, filename: '[name]/app.mjs' },
  // Otherwise webpack writes the path of the build machine in place of import.meta.url.
  module: { parser: { javascript: { importMeta: false, createRequire: false } } },
};
const builds = [
  { ...common, entry: { bundled: './app.mjs' } },
  {
    ...common,
    entry: { external: '../esm/main.mjs' },
    externals: [/^embedlane(\/|$)/],
    externalsType: 'module',
  },
];
for (const configuration of builds) {
  await new Promise((resolve, reject) => {
    webpack(configuration, (error, stats) => {
      const failure =
        error ?? (stats.hasErrors() || stats.hasWarnings() ? stats.toString('errors-warnings') : null);
      failure ? reject(failure) : resolve();
    });
  });
}
const embedlane = dirname(fileURLToPath(import.meta.resolve('embedlane/package.json')));
await cp(`${embedlane}/prebuilds`, 'out/bundled/prebuilds', { recursive: true });
