/** A token of nearly every tokenizer, with the space after it. */
const WORD = 'a ';

/**
 * Texts that fill a run of the model: as long as it reads, and as many as the budget allows.
 *
 * @param maxTokens longest text in tokens; undefined without a limit
 * @param budget padded tokens of a run
 */
export function fullBatch(maxTokens: number | undefined, budget: number): string[] {
  const tokens = Math.min(maxTokens ?? budget, budget);
  return new Array<string>(Math.floor(budget / tokens)).fill(WORD.repeat(tokens));
}
