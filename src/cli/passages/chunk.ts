/** A piece of a text, small enough to embed whole. */
export interface Chunk {
  readonly text: string;
  /** 1-based line on which the chunk begins. */
  readonly line: number;
  /** What the chunk is about, where that stands in an earlier chunk: the first line of its heading. */
  readonly heading?: string;
}

/** Default size limit: about 200 WordPiece tokens of English, so that a 256-token model reads all of it. */
export const DEFAULT_CHUNK_CHARS = 800;

/**
 * A new subject, so a new chunk: a Markdown heading, a glossary term (`:term: …`), or a title, which is a short line
 * of its own that begins with a capital and does not end like a sentence.
 */
const STARTS_SUBJECT = /^(#{1,6}\s|:[^:\s][^:\n]*:(\s|$)|\p{Lu}[^\n]{2,78}(?<![.!?,;:…]["'”’)\]]*)$)/u;

interface Paragraph {
  text: string;
  line: number;
}

/**
 * Cuts a text into chunks along its own structure: headings and glossary terms begin a chunk, the paragraphs that
 * follow are joined to it while they fit, and a paragraph that is too long is cut between sentences into pieces of
 * about the same size, the first of which stays with its heading.
 *
 * @param maxChars size limit, where a CJK character counts as four (it is about as many tokens)
 */
export function* chunkText(text: string, maxChars = DEFAULT_CHUNK_CHARS): Generator<Chunk> {
  let open: Paragraph[] = [];
  let size = 0;
  let hasBody = false;
  let heading: string | undefined;
  const close = function* (): Generator<Chunk> {
    if (open.length > 0) {
      const chunk = { text: open.map((part) => part.text).join('\n\n'), line: open[0].line };
      const knowsHeading = heading === undefined || chunk.text.includes(heading);
      yield knowsHeading ? chunk : { ...chunk, heading };
    }
    open = [];
    size = 0;
    hasBody = false;
  };

  for (const paragraph of paragraphs(text)) {
    const isHeading = STARTS_SUBJECT.test(paragraph.text);
    // A title and the section title right below it belong together.
    if (isHeading && hasBody) yield* close();
    const limit = !hasBody && size < maxChars / 2 ? maxChars - size : maxChars;
    for (const piece of cutParagraph(paragraph, limit)) {
      const weight = tokenWeight(piece.text);
      if (size + weight > maxChars) yield* close();
      if (isHeading) heading = paragraph.text.split('\n', 1)[0];
      open.push(piece);
      size += weight;
      hasBody ||= !isHeading;
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
  const indent = lines.reduce(
    (least, line) => Math.min(least, line.length - line.trimStart().length),
    Infinity,
  );
  return lines.map((line) => line.slice(indent)).join('\n');
}

const sentences = new Intl.Segmenter('en', { granularity: 'sentence' });

/** A paragraph that fits, or its pieces: whole sentences where possible, hard cuts in a monstrous one. */
function* cutParagraph(paragraph: Paragraph, limit: number): Generator<Paragraph> {
  const total = tokenWeight(paragraph.text);
  if (total <= limit) {
    yield paragraph;
    return;
  }
  // Equal shares, so that no piece is a leftover of a few words; a share is reached, not filled.
  const share = total / Math.ceil(total / limit);
  let piece = '';
  let line = paragraph.line;
  let weight = 0;
  for (const sentence of sentencePieces(paragraph.text, limit)) {
    const added = tokenWeight(sentence);
    if (piece !== '' && (weight >= share || weight + added > limit)) {
      yield* trimmed(piece, line);
      line += piece.split('\n').length - 1;
      piece = '';
      weight = 0;
    }
    piece += sentence;
    weight += added;
  }
  yield* trimmed(piece, line);
}

function* trimmed(text: string, line: number): Generator<Paragraph> {
  if (text.trim() !== '') yield { text: text.trim(), line };
}

function* sentencePieces(text: string, limit: number): Generator<string> {
  // A line break would end a sentence for the segmenter; in hard-wrapped prose it is a space.
  for (const { index, segment } of sentences.segment(text.replaceAll('\n', ' '))) {
    const sentence = text.slice(index, index + segment.length);
    if (tokenWeight(sentence) <= limit) {
      yield sentence;
      continue;
    }
    // By code points, so that no surrogate pair is torn; one of them weighs at most four.
    const points = Array.from(sentence);
    const step = Math.max(1, Math.floor(limit / 4));
    for (let at = 0; at < points.length; at += step) yield points.slice(at, at + step).join('');
  }
}

/** Characters, CJK ones times four. */
function tokenWeight(text: string): number {
  const cjk = text.match(/[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff]/g)?.length ?? 0;
  return text.length + 3 * cjk;
}
