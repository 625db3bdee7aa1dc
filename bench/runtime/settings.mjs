/** What the parts of bench/runtime.mjs have in common: options, texts, contenders. */
import { availableParallelism } from 'node:os';
import { TextEmbedder } from '../../dist/index.js';
import { Contender } from '../lib/contender.mjs';
import { peer } from '../lib/peers.mjs';
import { options } from '../lib/report.mjs';
import { mixedParagraphs, modelId, questionsOf } from '../lib/texts.mjs';

export const chosen = options({
  only: { type: 'string' },
  dtype: { type: 'string', default: 'fp16' },
  threads: { type: 'string' },
  seconds: { type: 'string' },
  soak: { type: 'string' },
});
export const DTYPE = chosen.dtype;
/** Of the peers; ours chooses by itself unless told. */
export const THREADS = Number(chosen.threads ?? availableParallelism());
const OUR_THREADS = chosen.threads && THREADS;
export const SECONDS = Number(chosen.seconds ?? (chosen.quick ? 0.5 : 2));
export const ROUNDS = Number(chosen.rounds ?? (chosen.quick ? 1 : 2));

export const OURS = 'embedlane';
export const PLAIN = 'onnxruntime-node by hand';
export const TRANSFORMERS = 'transformers.js';

export const { texts: paragraphs } = await mixedParagraphs(512);
export const questions = questionsOf(paragraphs);
export const load = (more = {}) =>
  TextEmbedder.load(modelId, { dtype: DTYPE, threads: OUR_THREADS, ...more });

export async function start(name, file, more = {}) {
  const contender = new Contender(name, file);
  await contender.call('init', { dtype: DTYPE, threads: THREADS, batchSize: 32, ...more });
  return contender;
}

/** Us and those that we are compared with, a process each. */
export async function startAll() {
  const list = [
    await start(OURS, 'contenders/text-embedlane.mjs', { threads: OUR_THREADS }),
    await start(PLAIN, 'contenders/text-plain.mjs'),
  ];
  if (chosen.peers && peer('@huggingface/transformers')) {
    list.push(await start(TRANSFORMERS, 'peers/text-transformers.mjs'));
  }
  return list;
}

export const stopAll = (contenders) => Promise.all(contenders.map((contender) => contender.stop()));
