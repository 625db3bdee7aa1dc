import type { PostProcessor } from './tokenizer-json.js';

/** Ids of the special tokens before and after those of a text. */
export interface SpecialFrame {
  before: number[];
  after: number[];
}

/**
 * The special tokens that a post-processor puts around a single text, all of type 0; undefined for one that does
 * anything else.
 */
export function specialFrame(processor: PostProcessor | null | undefined): SpecialFrame | undefined {
  const frame = processor ? frameOf(processor) : { before: [], after: [] };
  return frame && [...frame.before, ...frame.after].every(isId) ? frame : undefined;
}

function frameOf({ type, cls, sep, single, special_tokens: ids }: PostProcessor): SpecialFrame | undefined {
  if (type === 'BertProcessing' || type === 'RobertaProcessing') {
    return cls && sep && { before: [cls[1]], after: [sep[1]] };
  }
  if (type !== 'TemplateProcessing' || !single || !ids) return undefined;
  const text = single.findIndex(({ Sequence }) => Sequence?.id === 'A');
  const parts = single.map(({ SpecialToken, Sequence }) => SpecialToken ?? Sequence);
  if (text === -1 || parts.some((part) => part?.type_id !== 0)) return undefined;
  const idsOf = (some: typeof single) =>
    some.flatMap(({ SpecialToken }) => (SpecialToken && ids[SpecialToken.id]?.ids) ?? Number.NaN);
  return { before: idsOf(single.slice(0, text)), after: idsOf(single.slice(text + 1)) };
}

function isId(id: unknown): boolean {
  return Number.isInteger(id) && (id as number) >= 0 && (id as number) < 2 ** 31;
}
