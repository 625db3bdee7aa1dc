// Lays out what is published: `embedlane` without models, and one package for each bundled model.
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TARGETS } from '../prebuild/targets.mjs';
import { bundle } from './bundle.mjs';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Bundled model → its package, and whether `npm install embedlane` brings it along. */
export const MODEL_PACKAGES = {
  'all-MiniLM-L6-v2': { name: 'embedlane-model-all-minilm-l6-v2', byDefault: true },
  'efficientnet-lite0': { name: 'embedlane-model-efficientnet-lite0', byDefault: false },
};

/** For `npm pack` in a checkout and for installs from git: the addon that was built there. */
const BUILT_HERE = 'build/Release/embedlane.node';

/** What is not copied as it is. */
const STAGED = new Set(['dist', 'models', 'prebuilds', BUILT_HERE]);

/**
 * @param {string} folder receives one folder per package
 * @param {{ local?: boolean }} options local: for this machine's platform, the addon that was built from source here
 * @returns {Promise<string[]>} the folders of the packages, those that others need first
 */
export async function stagePackages(folder, { local = false } = {}) {
  rmSync(folder, { recursive: true, force: true });
  const manifest = { ...JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')), ...repository() };
  const models = Object.entries(MODEL_PACKAGES).map(([model, { name }]) =>
    stageModel(folder, manifest, model, name),
  );
  return [...models, await stageCode(folder, manifest, local)];
}

/** npm's provenance demands that a package names the repository which its workflow belongs to. */
function repository() {
  const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: name } = process.env;
  return server && name ? { repository: { type: 'git', url: `git+${server}/${name}.git` } } : {};
}

function stageModel(folder, manifest, model, name) {
  const target = join(folder, name);
  cpSync(join(root, 'models', model), target, { recursive: true });
  const { version, license, type, engines, repository } = manifest;
  const description = `The model ${model} for embedlane, which loads it by that name.`;
  const exports = { './package.json': './package.json' };
  // Yarn's Plug'n'Play leaves other packages in their archives, where onnxruntime cannot read them.
  const preferUnplugged = true;
  writeManifest(target, {
    ...{ name, version, description, license, repository, type, engines, exports, preferUnplugged },
  });
  return target;
}

async function stageCode(folder, manifest, local) {
  const target = join(folder, manifest.name);
  mkdirSync(target, { recursive: true });
  const { scripts, devDependencies, imports, files, ...published } = manifest;
  for (const item of files.filter((path) => !STAGED.has(path) && !path.startsWith('!'))) {
    cpSync(join(root, item), join(target, item), {
      recursive: true,
      filter: (path) => !path.startsWith(join(root, 'native', 'test')),
    });
  }
  const exported = [
    ...Object.values(manifest.exports).map((entry) => entry.default),
    ...Object.values(manifest.bin),
  ];
  const modules = exported.filter(Boolean).map((path) => path.replace(/^(\.\/)?dist\//, ''));
  await bundle(join(root, 'dist'), join(target, 'dist'), modules);
  for (const item of ['README.md', 'LICENSE']) copyFileSync(join(root, item), join(target, item));
  const here = `${process.platform}-${process.arch}`;
  for (const platform of Object.keys(TARGETS)) {
    const built = join(root, BUILT_HERE);
    const source =
      local && platform === here && existsSync(built)
        ? built
        : join(root, 'prebuilds', platform, 'embedlane.node');
    if (!existsSync(source)) continue;
    mkdirSync(join(target, 'prebuilds', platform), { recursive: true });
    copyFileSync(source, join(target, 'prebuilds', platform, 'embedlane.node'));
  }
  const models = Object.values(MODEL_PACKAGES).filter(({ byDefault }) => byDefault);
  const optionalDependencies = {
    ...Object.fromEntries(models.map(({ name }) => [name, manifest.version])),
    ...manifest.optionalDependencies,
  };
  writeManifest(target, {
    ...published,
    files: files.filter((path) => path !== 'models' && path !== BUILT_HERE),
    optionalDependencies,
  });
  return target;
}

function writeManifest(folder, manifest) {
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
}
