// What the projects below test/consumers/ do, and what each step prints. They share one installation.

/** Dimensions, index of the nearest row, backend: of a text model, and of two little rows. */
const TEXT = '384 1 native\n';
const VECTORS = '2 1 native\n';

/** Tools of the consumers, each in its newest version that this was tried with. */
export const TOOLS = {
  '@arethetypeswrong/cli': '^0.18.5',
  esbuild: '^0.28.2',
  publint: '^0.3.25',
  vite: '^8.0.0',
  webpack: '^5.112.2',
};

/** Name of the folder → steps: arguments of node, and what it prints. */
export const CONSUMERS = {
  esm: [[['main.mjs'], TEXT]],
  commonjs: [
    [['--disable-warning=ExperimentalWarning', 'require.cjs'], TEXT],
    [['import.cjs'], VECTORS],
  ],
  features: [[['main.mjs'], '1 2 3 384\n']],
  typescript: [
    [['{typescript}/bin/tsc', '-p', 'tsconfig.node16.json'], ''],
    [['{typescript}/bin/tsc', '-p', 'tsconfig.bundler.json'], ''],
  ],
  esbuild: [
    [['build.mjs'], ''],
    [['out/bundled/app.mjs'], VECTORS],
    [['out/external/main.mjs'], TEXT],
  ],
  webpack: [
    [['build.mjs'], ''],
    [['out/bundled/app.mjs'], VECTORS],
    [['out/external/app.mjs'], TEXT],
  ],
  'vite-ssr': [
    [['build.mjs'], ''],
    [['out/app.mjs'], VECTORS],
  ],
  'worker-threads': [[['main.mjs'], '384 1 native\n']],
  permission: [
    [
      [
        '--experimental-permission',
        '--disable-warning=ExperimentalWarning',
        '--disable-warning=SecurityWarning',
        '--allow-addons',
        '--allow-fs-read=*',
        'main.mjs',
      ],
      VECTORS,
    ],
  ],
};
