// What may be in the published packages: nothing that is not listed here.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { TARGETS } from '../prebuild/targets.mjs';
import { MODEL_PACKAGES } from './stage.mjs';

const platforms = Object.keys(TARGETS).join('|');

const CODE = [
  /^(package\.json|README\.md|LICENSE|CHANGELOG\.md|CMakeLists\.txt)$/,
  /^dist\/.+\.(js|d\.ts)$/,
  /^dist\/server\/pages\/\w+\.(html|css)$/,
  new RegExp(`^prebuilds/(${platforms})/embedlane\\.node$`),
  // Sources, for platforms without a binary; not their tests.
  /^native\/(?!test\/)(\w+\/)?[\w-]+\.(cc|h|json|mjs|map)$/,
];

const MODEL = [
  /^(package\.json|README\.md|LICENSE)$/,
  /^onnx\/\w+\.onnx$/,
  /^[\w-]+\.json$/,
  /^1_Pooling\/config\.json$/,
  /^vocab\.txt$/,
];

/** @param {{ name: string, folder: string, files: { path: string }[] }} packed what `npm pack --json` says */
export function checkContents({ name, folder, files }) {
  const isModel = Object.values(MODEL_PACKAGES).some((model) => model.name === name);
  const allowed = isModel ? MODEL : CODE;
  const names = files.map(({ path }) => path);
  const strangers = names.filter((path) => !allowed.some((pattern) => pattern.test(path)));
  assert.deepEqual(strangers, [], `${name} would publish files that nobody listed`);
  // npm compiles any package with a binding.gyp at its root, and an install script may not run at all.
  assert(!names.includes('binding.gyp'), 'binding.gyp must not be published');
  const { scripts = {}, devDependencies } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  assert.deepEqual({ scripts, devDependencies }, { scripts: {}, devDependencies: undefined }, name);
  if (isModel) return;
  assert(
    names.some((path) => path.endsWith('.node')),
    'a binary must be published',
  );
  for (const needed of ['dist/index.js', 'dist/index.d.ts', 'dist/vectors/index.js', 'dist/cli/main.js']) {
    assert(names.includes(needed), `${needed} must be published`);
  }
}
