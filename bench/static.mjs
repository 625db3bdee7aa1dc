/**
 * Static embeddings of short texts: embedlane beside Python's model2vec on the same model and the same texts, in
 * alternating rounds, after checking that both give the same vectors.
 *
 * The model has all-MiniLM-L6-v2's vocabulary and random vectors of 256 values, which is the size of potion-base-8M;
 * the texts are the lines of the Jargon File.
 *
 *   node bench/static.mjs [--python PATH] [--texts 100000] [--rounds 5]
 *
 * PATH is an interpreter with model2vec installed; without it, only embedlane is measured.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { StaticEmbedder } from '#dist/index.js';
import { watchLoop } from './lib/loop.mjs';
import { describeMachine, machine } from './lib/machine.mjs';

const DIMS = 256;
const CHECKED = 2000;

const { values } = parseArgs({
  options: {
    python: { type: 'string' },
    texts: { type: 'string', default: '100000' },
    rounds: { type: 'string', default: '5' },
  },
});
const root = new URL('../', import.meta.url);
const folder = await mkdtemp(join(tmpdir(), 'embedlane-bench-static-'));

/** A model2vec folder: tokenizer, one tensor, configuration. */
async function writeModel() {
  await copyFile(new URL('models/all-MiniLM-L6-v2/tokenizer.json', root), join(folder, 'tokenizer.json'));
  const json = JSON.parse(await readFile(join(folder, 'tokenizer.json'), 'utf8'));
  const rows = Object.keys(json.model.vocab).length;
  let state = 1;
  const table = Float32Array.from({ length: rows * DIMS }, () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return state / 2 ** 31 - 1;
  });
  const entry = { dtype: 'F32', shape: [rows, DIMS], data_offsets: [0, table.byteLength] };
  const header = JSON.stringify({ embeddings: entry });
  const padded = header.padEnd(Math.ceil(header.length / 8) * 8);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  const bytes = Buffer.concat([length, Buffer.from(padded), Buffer.from(table.buffer)]);
  await writeFile(join(folder, 'model.safetensors'), bytes);
  await writeFile(join(folder, 'config.json'), JSON.stringify({ max_length: 512, normalize: true }));
}

async function readTexts(count) {
  const corpus = await readFile(new URL('examples/corpus/jargon.txt', root), 'utf8');
  const lines = corpus.split('\n').flatMap((line) => (line.trim().length > 20 ? line.trim() : []));
  return Array.from({ length: count }, (_, i) => lines[i % lines.length]);
}

const PROGRAM = `
import json, sys, time, pathlib
from model2vec import StaticModel
folder = pathlib.Path(sys.argv[1])
model = StaticModel.from_pretrained(folder)
texts = json.loads((folder / "texts.json").read_text("utf-8"))
model.encode(texts[:${CHECKED}]).astype("<f4").tofile(folder / "rows.bin")
print("ready", flush=True)
for line in sys.stdin:
    started = time.perf_counter()
    model.encode(texts)
    print(time.perf_counter() - started, flush=True)
`;

async function startPeer(python, texts) {
  await writeFile(join(folder, 'texts.json'), JSON.stringify(texts));
  const child = spawn(python, ['-c', PROGRAM, folder], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  await lines.next();
  const bytes = await readFile(join(folder, 'rows.bin'));
  const rows = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  const round = async () => {
    child.stdin.write('\n');
    return Number((await lines.next()).value);
  };
  const close = async () => {
    child.stdin.end();
    await once(child, 'exit');
  };
  return { rows, round, close };
}

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const perSecond = (seconds) => Math.round(texts.length / seconds).toLocaleString('en');

console.log(describeMachine(machine()));
await writeModel();
const texts = await readTexts(Number(values.texts));
const model = await StaticEmbedder.load(folder);
try {
  const peer = values.python ? await startPeer(values.python, texts) : undefined;
  const checked = await model.encode(texts.slice(0, CHECKED));
  if (peer) {
    const difference = peer.rows.reduce(
      (most, value, i) => Math.max(most, Math.abs(value - checked.data[i])),
      0,
    );
    console.log(`largest difference from model2vec in ${CHECKED} vectors: ${difference.toExponential(1)}`);
    if (!(difference < 1e-5)) throw new Error('The two do not agree');
  }
  await model.encode(texts);
  const [own, other, late] = [[], [], []];
  for (let round = 0; round < Number(values.rounds); round++) {
    const started = performance.now();
    const { value: ended, loop } = await watchLoop(async () => {
      await model.encode(texts);
      return performance.now();
    });
    own.push((ended - started) / 1000);
    late.push(loop.p99);
    if (peer) other.push(await peer.round());
  }
  console.log(`embedlane: ${perSecond(median(own))} texts/s, event loop p99 ${median(late).toFixed(1)} ms`);
  if (peer) {
    const ratios = own.map((seconds, round) => other[round] / seconds);
    console.log(
      `model2vec: ${perSecond(median(other))} texts/s; embedlane is ${median(ratios).toFixed(1)} times as fast`,
    );
    await peer.close();
  }
} finally {
  await model.close();
  await rm(folder, { recursive: true });
}
