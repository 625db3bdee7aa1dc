import type { Passage } from '../passages/collect.js';

/** A passage that was found. */
export interface Hit extends Passage {
  rank: number;
  score: number;
}

/** Lines of a passage that are shown unless all are asked for. */
const SHOWN_LINES = 4;

/** Ranked passages for a person. */
export function renderHits(question: string, hits: readonly Hit[], full = false): string {
  // https://no-color.org
  const styled = process.stdout.isTTY && !process.env.NO_COLOR && process.env.TERM !== 'dumb';
  const bold = (text: string) => (styled ? `\x1b[1m${text}\x1b[22m` : text);
  let out = `${bold(`? ${question}`)}\n`;
  for (const hit of hits) {
    const about = hit.heading === undefined ? '' : `  (in ${printable(hit.heading)})`;
    out += `\n${String(hit.rank).padStart(3)}. ${hit.score.toFixed(4)}  ${printable(hit.file)}:${hit.line}${about}\n`;
    const lines = hit.text.split('\n').filter((line) => line !== '');
    const shown = full ? lines : lines.slice(0, SHOWN_LINES);
    for (const line of shown) out += `     ${printable(line)}\n`;
    if (shown.length < lines.length) out += '     …\n';
  }
  return `${out}\n`;
}

/** Control characters in indexed files must not reach the reader's terminal. */
function printable(line: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return line.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '\ufffd');
}
