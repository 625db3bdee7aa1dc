// Packs the package, installs the tarball into an empty project and uses it there as a new user would: ESM
// import, require of ESM, types, command line. Nothing may appear on stderr.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
const project = mkdtempSync(join(tmpdir(), 'embedlane-package-'));
// In the repository .npmrc says it; an empty project has none.
const env = { ...process.env, npm_config_onnxruntime_node_install: 'skip' };

const USE = `
  const [animal, finance] = (await model.encode(['a cat', 'a stock exchange'])).toArrays();
  const kitten = await model.encode('a kitten');
  const top = topKSync(kitten, await model.encode(['a stock exchange', 'a cat']), { k: 1 });
  console.log(kitten.dims, animal.length, finance.length, top.get(0)[0].index, simd().backend);
  await model.close();`;
const EXPECTED = '384 384 384 1 native\n';

const FILES = {
  'package.json': JSON.stringify({ name: 'consumer', private: true }),
  'import.mjs': `
    import { TextEmbedder } from 'embedlane';
    import { simd, topKSync } from 'embedlane/vectors';
    const model = await TextEmbedder.load('all-MiniLM-L6-v2');${USE}`,
  'require.cjs': `
    const { TextEmbedder } = require('embedlane');
    const { simd, topKSync } = require('embedlane/vectors');
    (async () => {
      const model = await TextEmbedder.load('all-MiniLM-L6-v2');${USE}
    })();`,
  'types.mts': `
    import { EmbedlaneError, type Embeddings, TextEmbedder } from 'embedlane';
    import { simd, type TopK, topKSync } from 'embedlane/vectors';
    const model: TextEmbedder = await TextEmbedder.load('all-MiniLM-L6-v2', { dtype: 'int8' });
    const e: Embeddings = await model.encode(['a'], { normalize: true, onProgress: (p) => p.completed });
    const top: TopK = topKSync(e, e, { k: 1, metric: 'cosine' });
    const level: string = simd().level;
    const code: EmbedlaneError['code'] = 'ERR_INVALID_ARG';
    // @ts-expect-error a metric that does not exist
    topKSync(e, e, { k: 1, metric: 'hamster' });
    console.log(top.indices, level, code);`,
  'tsconfig.json': JSON.stringify({
    compilerOptions: {
      strict: true,
      noEmit: true,
      target: 'ES2022',
      module: 'NodeNext',
      moduleResolution: 'NodeNext',
      types: [],
      skipLibCheck: false,
    },
    files: ['types.mts'],
  }),
};

try {
  const [tarball] = JSON.parse(
    execFileSync(npm, ['pack', '--json', '--ignore-scripts', '--pack-destination', project], {
      cwd: root,
      env,
    }),
  );
  checkContents(tarball);
  for (const [name, content] of Object.entries(FILES)) writeFileSync(join(project, name), content);
  execFileSync(npm, ['install', '--no-audit', '--no-fund', join(project, tarball.filename)], {
    cwd: project,
    env,
  });

  expectOutput(process.execPath, ['import.mjs'], EXPECTED);
  expectOutput(process.execPath, ['--disable-warning=ExperimentalWarning', 'require.cjs'], EXPECTED);
  const bin = join(
    project,
    'node_modules/.bin',
    process.platform === 'win32' ? 'embedlane.cmd' : 'embedlane',
  );
  expectOutput(bin, ['--version'], `${JSON.parse(readFileSync(join(root, 'package.json'))).version}\n`);
  expectOutput(bin, ['similarity', 'a cat', 'a cat'], '1.0000\n');
  const tsc = createRequire(join(root, 'package.json')).resolve('typescript/package.json');
  expectOutput(process.execPath, [join(dirname(tsc), 'bin', 'tsc'), '-p', 'tsconfig.json'], '');
  console.log(
    `ok: ${tarball.filename}, ${tarball.files.length} files, ${(tarball.size / 1e6).toFixed(1)} MB packed`,
  );
} finally {
  rmSync(project, { recursive: true, force: true });
}

/** npm compiles any package with a binding.gyp at its root, and an install script may not run at all. */
function checkContents(tarball) {
  const names = tarball.files.map((file) => file.path);
  assert(!names.includes('binding.gyp'), 'binding.gyp must not be published');
  assert(
    names.some((name) => /^prebuilds\/.*\.node$/.test(name)),
    'a binary must be published',
  );
  const published = names.filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'));
  assert.deepEqual(published, [], 'sources must not be published as code');
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json')));
  for (const script of ['preinstall', 'install', 'postinstall'])
    assert(!scripts[script], `${script} must not exist`);
}

function expectOutput(command, args, expected) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: project, encoding: 'utf8', env });
  assert.deepEqual({ args, status, stdout, stderr }, { args, status: 0, stdout: expected, stderr: '' });
}
