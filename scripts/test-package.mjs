// Packs what is published, installs the tarballs into empty projects and uses them there as users would: the
// projects below test/consumers/. Nothing may appear on stderr.
//
//   node scripts/test-package.mjs [--all] [step…]      only these steps, by the names that it prints
//
// --all   also pnpm, Yarn, npm workspaces, Next.js, Bun, Deno and other versions of Node, which download a lot and take minutes
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { CONSUMERS, TOOLS } from './package/consumers.mjs';
import { checkContents } from './package/contents.mjs';
import { testDamages } from './package/damages.mjs';
import { testManagers } from './package/managers.mjs';
import { packPackages } from './package/pack.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const consumers = join(root, 'test/consumers');
const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
const { values: options, positionals: wanted } = parseArgs({
  options: { all: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const scratch = mkdtempSync(join(tmpdir(), 'embedlane-package-'));
// In the repository .npmrc says it; an empty project has none.
const env = { ...process.env, npm_config_onnxruntime_node_install: 'skip' };

try {
  const packed = await packPackages(scratch, { local: true });
  for (const each of packed) checkContents(each);
  const [textModel, imageModel, code] = packed.map(({ filename }) => filename);

  report('vectors only', () => {
    const project = makeProject('vectors-only');
    install(project, ['--omit=optional', code]);
    expectOutput(project, process.execPath, ['main.mjs'], '2 1 native\n');
    expectOutput(project, process.execPath, ['no-model.mjs'], 'told\n');
  });

  const project = join(scratch, 'project');
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), '{ "name": "project", "private": true }');
  report('install', () => {
    // Compilers are hidden: whatever wants to build something fails.
    install(project, [code, textModel, imageModel], { PATH: pathWithoutCompilers() });
    // For what follows without the tools of the other projects.
    if (process.platform === 'linux') execFileSync('cp', ['-al', project, join(scratch, 'production')]);
    install(
      project,
      Object.entries(TOOLS).map(([name, version]) => `${name}@${version}`),
    );
  });
  if (process.platform === 'linux') {
    report('damaged', () => {
      const consumer = join(consumers, 'damaged');
      testDamages({ project: join(scratch, 'production'), consumer, scratch, env });
    });
  }
  report('publint', () => {
    for (const { filename } of packed) lint('publint/src/cli.js', ['run', filename, '--strict']);
  });
  report('types', () => lint('@arethetypeswrong/cli/dist/index.js', [code, '--profile', 'esm-only']));
  report('command line', () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json')));
    const bin = join(
      project,
      'node_modules/.bin',
      process.platform === 'win32' ? 'embedlane.cmd' : 'embedlane',
    );
    expectOutput(project, bin, ['--version'], `${version}\n`);
    expectOutput(project, bin, ['similarity', 'a cat', 'a cat'], '1.0000\n');
  });
  const typescript = dirname(
    createRequire(join(root, 'package.json')).resolve('@typescript/native/package.json'),
  );
  for (const [name, steps] of Object.entries(CONSUMERS)) {
    report(name, () => {
      const folder = join(project, name);
      for (const each of [name, 'esm'])
        cpSync(join(consumers, each), join(project, each), { recursive: true });
      for (const [args, expected] of steps) {
        const filled = args.map((arg) => arg.replace('{typescript}', typescript));
        expectOutput(folder, process.execPath, filled, expected);
      }
    });
  }
  if (options.all)
    testManagers({ scratch, consumers, packed: { code, textModel }, report, expectOutput, install, env });
  else
    warn(
      'Not run without --all: pnpm, Yarn (node_modules and PnP), npm workspaces, Next.js, Bun, Deno, Node 22, 24 and newest.',
    );
  for (const { filename, files, size } of packed) {
    console.log(
      `${filename.slice(scratch.length + 1)}: ${files.length} files, ${(size / 1e6).toFixed(1)} MB packed`,
    );
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

function makeProject(name) {
  const folder = join(scratch, name);
  cpSync(join(consumers, name), folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name, private: true }));
  return folder;
}

function install(project, packages, extra = {}) {
  const { status, stderr } = spawnSync(
    npm,
    ['install', '--no-audit', '--no-fund', '--prefer-offline', ...packages],
    { cwd: project, env: { ...env, ...extra }, encoding: 'utf8' },
  );
  assert.equal(status, 0, `npm install ${packages.join(' ')}\n${stderr}`);
}

/** Only Node's own folder, as in a slim container; system folders have compilers. */
function pathWithoutCompilers() {
  if (process.platform === 'win32') return process.env.PATH;
  const folder = join(scratch, 'bin');
  mkdirSync(folder, { recursive: true });
  for (const tool of ['node', 'npm', 'sh', 'env']) {
    const found = spawnSync('which', [tool], { encoding: 'utf8' }).stdout.trim();
    if (found) execFileSync('ln', ['-sf', found, join(folder, tool)]);
  }
  return folder;
}

/** Runs a checker of packages, whose findings are on stdout. */
function lint(checker, args) {
  const program = join(scratch, 'project/node_modules', checker);
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
    encoding: 'utf8',
    env,
  });
  assert.equal(status, 0, `${checker}\n${stdout}${stderr}`);
}

function expectOutput(cwd, command, args, expected, extra = {}) {
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    env: { ...env, ...extra },
  });
  assert.deepEqual({ args, status, stdout, stderr }, { args, status: 0, stdout: expected, stderr: '' });
}

function report(name, run) {
  if (wanted.length > 0 && name !== 'install' && !wanted.includes(name)) return;
  const started = performance.now();
  run();
  console.log(`✓ ${name.padEnd(16)} ${((performance.now() - started) / 1000).toFixed(1)} s`);
}

function warn(text) {
  const line = '!'.repeat(text.length);
  console.error(`${line}\n${text}\n${line}`);
}
