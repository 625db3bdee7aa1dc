/**
 * Where the time of a cold start goes: a program, in a fresh process, up to its first vector, and what its lane does
 * meanwhile, step by step in processes of its own. Files are in the page cache.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { stagePackages } from '../../scripts/package/stage.mjs';
import './no-telemetry.mjs';
import { progress, progressDone } from './progress.mjs';
import { median } from './stats.mjs';
import { heading, number, table } from './table.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Prints [step, milliseconds since the last, of them processor time]; the first is Node's own start. */
const STEPS = `
const steps = [];
let wall = 0;
let cpu = 0;
const step = (name) => {
  const now = performance.now();
  const { user, system } = process.cpuUsage();
  steps.push([name, now - wall, (user + system) / 1000 - cpu]);
  wall = now;
  cpu = (user + system) / 1000;
};
step('Node itself');
const done = () => process.stdout.write(JSON.stringify(steps), () => process.exit());
`;

const program = (embedlane, dtype) => `${STEPS}
const { TextEmbedder } = await import(${JSON.stringify(embedlane)});
step('import embedlane');
const model = await TextEmbedder.load('all-MiniLM-L6-v2', { dtype: ${JSON.stringify(dtype)} });
step('load: the lane below, and its channel');
await model.encode('first');
step('first text');
done();`;

/** What a lane does, in its order, with the libraries' own calls. */
const lane = (dist, dtype) => `${STEPS}
await import('onnxruntime-node');
step('onnxruntime-node');
await import('tokenizers');
step('tokenizers');
await import(${JSON.stringify(`${dist}/text/lane/main.js`)});
step('our modules and addon');
const { Tokenizer } = await import('tokenizers');
const { readFileSync } = await import('node:fs');
const model = ${JSON.stringify(join(root, 'models/all-MiniLM-L6-v2'))};
Tokenizer.fromString(readFileSync(model + '/tokenizer.json', 'utf8'));
step('reading the tokenizer');
const ort = await import('onnxruntime-node');
const file = ${JSON.stringify(dtype === 'int8' ? 'model_quantized.onnx' : 'model_fp16.onnx')};
await ort.InferenceSession.create(model + '/onnx/' + file, { enableMemPattern: false });
step('opening the graph');
done();`;

function run(source, cwd) {
  const args = ['--input-type=module', '--eval', source];
  // As LaneProcess starts its lanes.
  const env = { ...process.env, GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1' };
  return JSON.parse(execFileSync(process.execPath, args, { cwd, env, encoding: 'utf8' }));
}

/** The packages as they are published, beside links to what they depend on. */
async function stage(folder) {
  const [code, ...models] = (await stagePackages(join(folder, 'packages'), { local: true })).reverse();
  const modules = join(folder, 'node_modules');
  const dependencies = join(root, 'node_modules');
  mkdirSync(modules);
  for (const name of readdirSync(dependencies)) symlinkSync(join(dependencies, name), join(modules, name));
  for (const model of models) symlinkSync(model, join(modules, model.split('/').pop()));
  symlinkSync(modules, join(folder, 'packages/node_modules'));
  return pathToFileURL(join(code, 'dist')).href;
}

/** @returns {Promise<{ total: number[], program: object[], lane: object[] }>} milliseconds */
export async function coldStart(rounds, dtype) {
  const folder = mkdtempSync(join(tmpdir(), 'embedlane-start-'));
  try {
    const dist = await stage(folder);
    const cwd = join(folder, 'packages');
    const sources = { program: program(`${dist}/index.js`, dtype), lane: lane(dist, dtype) };
    const runs = { program: [], lane: [] };
    for (let round = 0; round <= rounds; round++) {
      progress(`cold start ${round} of ${rounds}`);
      for (const [name, source] of Object.entries(sources)) {
        const steps = run(source, cwd);
        // The first brings the files into memory.
        if (round > 0) runs[name].push(steps);
      }
    }
    progressDone();
    const total = runs.program.map((steps) => steps.slice(1).reduce((sum, [, wall]) => sum + wall, 0));
    heading(`cold start to the first vector, ${dtype}: ${number(median(total))} ms beyond Node's own start`);
    for (const [name, list] of Object.entries(runs)) {
      const rows = list[0].map(([step], i) => [
        step,
        number(median(list.map((steps) => steps[i][1]))),
        number(Math.min(...list.map((steps) => steps[i][1]))),
        number(median(list.map((steps) => steps[i][2]))),
      ]);
      console.log(table([`the ${name}`, 'ms', 'best', 'CPU ms'], rows));
    }
    return { total, ...runs };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
