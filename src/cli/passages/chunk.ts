/** A piece of a text, small enough to embed whole. */
export interface Chunk {
  readonly text: string;
  /** 1-based line on which the chunk begins. */
  readonly line: number;
}

/** Default size limit: about 200 WordPiece tokens of English, so that a 256-token model reads all of it. */
export const DEFAULT_CHUNK_CHARS = 800;

/** A Markdown heading or a glossary term (`:term: …`): a new subject, so a new chunk. */
const STARTS_SUBJECT = /^\s*(#{1,6}\s|:[^:\s][^:\n]*:(\s|$))/;

interface Paragraph {
  text: string;
  line: number;
}

/**
 * Cuts a text into chunks along its own structure: headings and glossary terms begin a chunk, short paragraphs
 * that follow are joined to it while they fit, and a paragraph that is too long is cut between sentences.
 *
 * @param maxChars size limit, where a CJK character counts as four (it is about as many tokens)
 */
export function* chunkText(text: string, maxChars = DEFAULT_CHUNK_CHARS): Generator<Chunk> {
  let open: Paragraph[] = [];
  let size = 0;
  const close = function* () {
    if (open.length > 0) yield { text: open.map((part) => part.text).join('\n\n'), line: open[0].line };
    open = [];
    size = 0;
  };

  for (const paragraph of paragraphs(text)) {
    for (const piece of cutParagraph(paragraph, maxChars)) {
      const weight = tokenWeight(piece.text);
      if (STARTS_SUBJECT.test(piece.text) || size + weight > maxChars) yield* close();
      open.push(piece);
      size += weight;
    }
  }
  yield* close();
}

/** Runs of non-blank lines, without the indentation that all of a run's lines share. */
function* paragraphs(text: string): Generator<Paragraph> {
  let lines: string[] = [];
  let start = 0;
  let number = 0;
  for (const line of `${text}\n`.split(/\r?\n/)) {
    number++;
    if (line.trim() !== '') {
      if (lines.length === 0) start = number;
      lines.push(line.trimEnd());
    } else if (lines.length > 0) {
      yield { text: dedent(lines), line: start };
      lines = [];
    }
  }
  if (lines.length > 0) yield { text: dedent(lines), line: start };
}

function dedent(lines: string[]): string {
  const indent = lines.reduce((least, line) => Math.min(least, line.length - line.trimStart().length), Infinity);
  return lines.map((line) => line.slice(indent)).join('\n');
}

const sentences = new Intl.Segmenter('en', { granularity: 'sentence' });

/** A paragraph that fits, or its pieces: whole sentences where possible, hard cuts in a monstrous one. */
function* cutParagraph(paragraph: Paragraph, maxChars: number): Generator<Paragraph> {
  if (tokenWeight(paragraph.text) <= maxChars) {
    yield paragraph;
    return;
  }
  let piece = '';
  let line = paragraph.line;
  let weight = 0;
  for (const sentence of sentencePieces(paragraph.text, maxChars)) {
    const added = tokenWeight(sentence);
    if (piece !== '' && weight + added > maxChars) {
      if (piece.trim() !== '') yield { text: piece.trim(), line };
      line += piece.split('\n').length - 1;
      piece = '';
      weight = 0;
    }
    piece += sentence;
    weight += added;
  }
  if (piece.trim() !== '') yield { text: piece.trim(), line };
}

function* sentencePieces(text: string, maxChars: number): Generator<string> {
  for (const { segment } of sentences.segment(text)) {
    if (tokenWeight(segment) <= maxChars) {
      yield segment;
      continue;
    }
    // By code points, so that no surrogate pair is torn; four of them weigh at most sixteen.
    const points = Array.from(segment);
    const step = Math.max(1, Math.floor(maxChars / 4));
    for (let at = 0; at < points.length; at += step) yield points.slice(at, at + step).join('');
  }
}

/** Characters, CJK ones times four. */
function tokenWeight(text: string): number {
  const cjk = text.match(/[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff]/g)?.length ?? 0;
  return text.length + 3 * cjk;
}
