import type { MeanPlan, NativeBinding, Strings, TextMeans, TokenLimits } from '../native/binding.js';
import type { EmbeddingTable } from './table.js';
import type { StaticTokenizer, TextRoom } from './tokenizer/index.js';

/** Bytes from which large pages can be had. */
const LARGE = 4 * 1024 * 1024;

/** Where the means of some texts and the numbers of their tokens go. */
export type MeanRows = Pick<TextMeans, 'means' | 'counts'>;

/** Texts, ready for the addon where that tokenises them. */
export interface PreparedTexts {
  texts: readonly string[];
  strings: Strings | undefined;
}

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

  /** Prepares memory for many rows, which nobody has written to. */
  makeRoom(rows: Float32Array): void {
    if (rows.byteLength >= LARGE) this.#binding.preferLargePages(rows);
  }

  /** @param room memory for the texts, in use until {@link embed} is done with them */
  async prepare(texts: readonly string[], room: TextRoom): Promise<PreparedTexts> {
    return { texts, strings: await this.#tokenizer.join(texts, room) };
  }

  async embed(
    { texts, strings }: PreparedTexts,
    limits: TokenLimits,
    plan: MeanPlan,
    into: MeanRows,
  ): Promise<void> {
    if (!strings) return this.#fromIds(texts, limits, plan, into);
    const known = await this.#tokenizer.embed(strings, limits, this.#table.data, plan, into);
    if (!known.includes(0)) return;
    const rest = Array.from(known.keys()).filter((i) => known[i] === 0);
    const part: MeanRows = {
      means: new Float32Array(rest.length * plan.kept),
      counts: new Uint32Array(rest.length),
    };
    const open = rest.map((i) => texts[i]);
    await this.#fromIds(open, limits, plan, part);
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
  ): Promise<void> {
    const { ids, ends } = await this.#tokenizer.encode(texts, limits);
    ends.forEach((end, i) => {
      counts[i] = end - (ends[i - 1] ?? 0);
    });
    await this.#binding.bagMeans(this.#table.data, dims, ids, ends, normalize, kept, normalizeKept, means);
  }
}
