import type { MeanPlan, NativeBinding, TextMeans, TokenLimits } from '../native/binding.js';
import type { EmbeddingTable } from './table.js';
import type { StaticTokenizer, TokenRoom } from './tokenizer/index.js';

/** Where the means of some texts and the numbers of their tokens go. */
export type MeanRows = Pick<TextMeans, 'means' | 'counts'>;

/** The mean of the vectors of a text's tokens: all in the addon where that tokenises, else from the library's ids. */
export class MeanOfTokens {
  readonly #tokenizer: StaticTokenizer;
  readonly #table: EmbeddingTable;
  readonly #binding: NativeBinding;

  constructor(tokenizer: StaticTokenizer, table: EmbeddingTable, binding: NativeBinding) {
    this.#tokenizer = tokenizer;
    this.#table = table;
    this.#binding = binding;
  }

  /** @param room memory for the texts; one of these calls at a time may use it */
  async embed(
    texts: readonly string[],
    limits: TokenLimits,
    plan: MeanPlan,
    into: MeanRows,
    room: TokenRoom,
  ): Promise<void> {
    const known = await this.#tokenizer.embed(texts, limits, this.#table.data, plan, into, room);
    if (known === undefined) return this.#fromIds(texts, limits, plan, into, room);
    if (!known.includes(0)) return;
    const rest = Array.from(known.keys()).filter((i) => known[i] === 0);
    const part: MeanRows = {
      means: new Float32Array(rest.length * plan.kept),
      counts: new Uint32Array(rest.length),
    };
    const open = rest.map((i) => texts[i]);
    await this.#fromIds(open, limits, plan, part, room);
    rest.forEach((place, i) => {
      into.means.set(part.means.subarray(i * plan.kept, (i + 1) * plan.kept), place * plan.kept);
      into.counts[place] = part.counts[i];
    });
  }

  async #fromIds(
    texts: readonly string[],
    limits: TokenLimits,
    { dims, normalize, kept, normalizeKept }: MeanPlan,
    { means, counts }: MeanRows,
    room: TokenRoom,
  ): Promise<void> {
    const { ids, ends } = await this.#tokenizer.encode(texts, limits, room);
    ends.forEach((end, i) => {
      counts[i] = end - (ends[i - 1] ?? 0);
    });
    await this.#binding.bagMeans(this.#table.data, dims, ids, ends, normalize, kept, normalizeKept, means);
  }
}
