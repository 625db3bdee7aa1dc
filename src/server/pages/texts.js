import { embed } from './api.js';
import { byId, debounced, element, say } from './dom.js';
import { cosine } from './math.js';

const EXAMPLES = [
  'A cat is sleeping on the sofa.',
  'The kitten naps on the couch.',
  'A dog chases a ball in the park.',
  'The central bank raised interest rates.',
  'Borrowing money has become more expensive.',
  'How do I reset my password?',
];
const MOST = 40;
const PAUSE = 300;
/** Longest text in a label: 1,600 cells with two of 100,000 characters would be hundreds of megabytes. */
const MOST_CHARACTERS = 200;

let last;

/** Compares what is in the text field whenever it changes. */
export function startTexts() {
  const input = byId('texts-input');
  input.value = EXAMPLES.join('\n');
  input.addEventListener('input', debounced(compareTexts, PAUSE));
  byId('texts-model').addEventListener('change', compareTexts);
  // What is beyond its edge is reached by arrow keys.
  byId('heat-map').tabIndex = 0;
}

export async function compareTexts() {
  last?.abort();
  last = new AbortController();
  const { signal } = last;
  const model = byId('texts-model').value;
  const lines = byId('texts-input')
    .value.split('\n')
    .map((line) => line.trim())
    .filter(Boolean);
  const texts = lines.slice(0, MOST);
  if (model === '') return say('texts-status', 'No model of this server embeds texts.', true);
  if (texts.length === 0) {
    byId('heat-map').replaceChildren();
    return say('texts-status', 'Type something.');
  }
  const start = performance.now();
  try {
    const vectors = await embed(model, texts, signal);
    const ms = Math.round(performance.now() - start);
    say(
      'texts-status',
      `${count(texts.length, lines.length)}, ${vectors[0].length} dimensions, ${ms} ms. Cosine similarity; the best match of each row has a frame:`,
    );
    byId('heat-map').replaceChildren(heatMap(texts, vectors));
  } catch (error) {
    if (signal.aborted) return;
    // A table of other texts, or of another model, would pass for the answer.
    byId('heat-map').replaceChildren();
    say('texts-status', error.message, true);
  }
}

function count(compared, given) {
  if (compared < given) return `The first ${compared} of ${given} texts`;
  return compared === 1 ? '1 text' : `${compared} texts`;
}

/** A table, so that it can be read without seeing the colours. */
function heatMap(texts, vectors) {
  const scores = vectors.map((a) => vectors.map((b) => cosine(a, b)));
  const head = element('tr', {}, element('td.corner'), ...texts.map((text, i) => header(i + 1, text, 'col')));
  const rows = scores.map((row, i) => {
    const others = row.filter((_, j) => j !== i);
    const best = Math.max(...others);
    const cells = row.map((score, j) => cell(score, texts[i], texts[j], i !== j && score === best));
    return element('tr', {}, header(`${i + 1}. ${texts[i]}`, texts[i], 'row'), ...cells);
  });
  return element('table.heat', {}, element('thead', {}, head), element('tbody', {}, ...rows));
}

function header(label, text, scope) {
  return element('th', { scope, dir: 'auto', title: brief(text) }, brief(String(label)));
}

function cell(score, a, b, best) {
  const heat = Math.round(100 * Math.max(0, Math.min(1, score)));
  const made = element(best ? 'td.best' : 'td', { title: `${brief(a)} / ${brief(b)}` }, score.toFixed(2));
  made.style.setProperty('--heat', String(heat));
  return made;
}

function brief(text) {
  return text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}…` : text;
}
