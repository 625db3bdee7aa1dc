// Installations that are broken in the ways that happen to users, and what each has to be told.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const here = `${process.platform}-${process.arch}`;

/**
 * Each has `harm`, which does it to a copy of node_modules, `use`, what test/consumers/damaged/main.mjs tries then, and
 * `told`, what it must print.
 */
const DAMAGES = [
  {
    name: 'nothing is wrong',
    harm: () => {},
    use: ['text', 'tokens', 'image', 'store', 'vectors'],
    told: [/^works$/],
  },
  {
    name: 'onnxruntime has no binary for here',
    harm: (modules) => remove(modules, 'onnxruntime-node/bin'),
    use: ['text', 'image'],
    told: [/^ERR_NATIVE_LOAD .*'onnxruntime-node' to load on .*It has binaries for/, /npm ci/],
  },
  {
    name: 'onnxruntime is not installed',
    harm: (modules) => remove(modules, 'onnxruntime-node'),
    use: ['text'],
    told: [/^ERR_NATIVE_LOAD .*npm install onnxruntime-node/],
  },
  {
    name: 'sharp is not installed',
    harm: (modules) => remove(modules, 'sharp'),
    use: ['image'],
    told: [/^ERR_\w+ .*'sharp'.*npm install sharp/],
  },
  {
    name: "node_modules of another system: sharp's binary is for that one",
    harm: (modules) => removeMatching(modules, '@img', /^sharp-(?!libvips)/),
    use: ['image'],
    told: [/^ERR_\w+ .*'sharp'.*npm install sharp/],
  },
  {
    name: "node_modules of another system: the tokenizer's binary is for that one",
    harm: (modules) => removeMatching(modules, 'tokenizers', /\.node$/),
    use: ['tokens'],
    told: [/^ERR_NATIVE_LOAD .*'tokenizers'/, /npm ci/],
  },
  {
    name: 'the tokenizer is not installed, which this model does without',
    harm: (modules) => remove(modules, 'tokenizers'),
    use: ['text'],
    told: [/^works$/],
  },
  {
    name: 'the tokenizer is not installed',
    harm: (modules) => remove(modules, 'tokenizers'),
    use: ['tokens'],
    told: [/^ERR_NATIVE_LOAD .*npm install tokenizers/],
  },
  {
    name: "node_modules of another system: SQLite's binary is for that one",
    harm: (modules) => remove(modules, '@libsql'),
    use: ['store'],
    told: [/^ERR_NATIVE_LOAD .*libsql/, /npm (ci|install)/],
  },
  {
    name: 'the model is not installed',
    harm: (modules) => remove(modules, 'embedlane-model-all-minilm-l6-v2'),
    use: ['text'],
    told: [/^ERR_MODEL_NOT_FOUND .*npm install embedlane-model-all-minilm-l6-v2/],
  },
  {
    name: "the model's file is cut short",
    harm: (modules) => cut(join(modules, 'embedlane-model-all-minilm-l6-v2/onnx')),
    use: ['text'],
    told: [/^ERR_(CORRUPT|MODEL_INVALID) .*model\w*\.onnx/],
  },
  {
    name: 'the addon is cut short, and demanded',
    harm: (modules) => cut(join(modules, 'embedlane/prebuilds', here)),
    use: ['vectors'],
    env: { EMBEDLANE_REQUIRE_NATIVE: '1' },
    told: [/^ERR_NATIVE_LOAD /, /is cut short/, /npm ci/],
  },
  {
    name: 'the addon is not there, and demanded',
    harm: (modules) => remove(modules, 'embedlane/prebuilds'),
    use: ['vectors'],
    env: { EMBEDLANE_REQUIRE_NATIVE: '1' },
    told: [/^ERR_NATIVE_LOAD /, /npm install embedlane/],
  },
];

/**
 * @param {{ project: string, consumer: string, scratch: string, env: NodeJS.ProcessEnv }} where `project` has a good
 *   installation, of which each damage gets a copy
 */
export function testDamages({ project, consumer, scratch, env }) {
  for (const [i, { name, harm, use, told, env: more }] of DAMAGES.entries()) {
    const folder = join(scratch, `damaged-${i}`);
    cpSync(consumer, folder, { recursive: true });
    // Hard links: what is damaged is replaced, not written to.
    execFileSync('cp', ['-al', join(project, 'node_modules'), join(folder, 'node_modules')]);
    harm(join(folder, 'node_modules'));
    for (const part of use) {
      const { status, stdout, stderr } = spawnSync(process.execPath, ['main.mjs', part], {
        cwd: folder,
        env: { ...env, ...more, HF_HUB_OFFLINE: '1' },
        encoding: 'utf8',
      });
      assert.deepEqual({ status, stderr }, { status: 0, stderr: '' }, `${name}: ${part}\n${stdout}`);
      for (const pattern of told) assert.match(stdout.trim(), pattern, `${name}: ${part}`);
    }
    rmSync(folder, { recursive: true });
  }
}

function remove(modules, path) {
  rmSync(join(modules, path), { recursive: true });
}

function removeMatching(modules, folder, pattern) {
  const found = readdirSync(join(modules, folder), { recursive: true }).filter((name) => pattern.test(name));
  assert(found.length > 0, `${folder} has nothing like ${pattern}`);
  for (const name of found) rmSync(join(modules, folder, name), { recursive: true, force: true });
}

/** Halves the only or first binary of a folder, in a file of its own. */
function cut(folder) {
  for (const name of readdirSync(folder)) {
    const file = join(folder, name);
    const content = readFileSync(file);
    rmSync(file);
    writeFileSync(file, content);
    truncateSync(file, Math.floor(content.length / 2));
  }
}
