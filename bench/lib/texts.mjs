import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const root = new URL('../../', import.meta.url);
const corpus = new URL('examples/corpus/jargon.txt', root);

/** The folder that holds the bundled models, and the model that every contender runs. */
export const modelsFolder = fileURLToPath(new URL('models', root));
export const modelId = 'all-MiniLM-L6-v2';
export const modelFolder = fileURLToPath(new URL(`models/${modelId}/`, root));
export const modelFile = { fp16: 'onnx/model_fp16.onnx', int8: 'onnx/model_quantized.onnx' };

/** Longest sequence in tokens: `max_seq_length` of the model. */
export const maxTokens = JSON.parse(
  readFileSync(new URL(`models/${modelId}/sentence_bert_config.json`, root), 'utf8'),
).max_seq_length;

/** The official tokenizer with the truncation of the model and no padding. */
export function loadTokenizer() {
  // The package is CommonJS and its exports are set at run time, out of sight of a static import.
  const { Tokenizer } = createRequire(import.meta.url)('tokenizers');
  const tokenizer = Tokenizer.fromFile(`${modelFolder}tokenizer.json`);
  tokenizer.disablePadding();
  tokenizer.setTruncation(maxTokens);
  return tokenizer;
}

/** Every so-many-th paragraph gives only its first sentence, so that the mix has the short texts of real use. */
const SENTENCE_EVERY = 6;

/**
 * `count` texts of real prose in the order of the book, evenly spread over it: paragraphs up to what the model
 * takes, headings, and single sentences. No randomness: the same texts for everybody.
 *
 * @returns {Promise<{ texts: string[], tokens: number[] }>} `tokens`: length of each, special tokens included
 */
export async function mixedParagraphs(count) {
  const paragraphs = readFileSync(corpus, 'utf8')
    .split(/\n\s*\n/)
    .map((paragraph) => paragraph.replace(/\s+/g, ' ').trim())
    .filter((paragraph) => paragraph.includes(' '))
    .map((paragraph, i) => (i % SENTENCE_EVERY === 0 ? paragraph.split(/(?<=[.?!]) /)[0] : paragraph));
  const tokenizer = loadTokenizer();
  tokenizer.setTruncation(maxTokens + 1);
  const lengths = (await tokenizer.encodeBatch(paragraphs)).map((encoding) => encoding.getLength());
  // Longer ones are left out because not every contender knows where to cut: transformers.js reads another limit
  // than max_seq_length, would work on tokens that the others drop, and return other vectors.
  const fitting = [...paragraphs.keys()].filter((index) => lengths[index] <= maxTokens);
  const picked = Array.from({ length: count }, (_, i) => fitting[Math.floor((i * fitting.length) / count)]);
  return { texts: picked.map((index) => paragraphs[index]), tokens: picked.map((index) => lengths[index]) };
}

/** Words of a question. */
const WORDS = 9;

/** As short as questions are: the first words of texts. */
export const questionsOf = (texts) => texts.map((text) => text.split(' ').slice(0, WORDS).join(' '));
