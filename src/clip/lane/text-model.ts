import { EmbedlaneError } from '../../core/errors.js';
import type { NativeBinding } from '../../native/binding.js';
import { formBatches } from '../../runtime/batching.js';
import type { TokenBatch } from '../../runtime/graph-inputs.js';
import type { BatchScheduler } from '../../runtime/scheduler.js';
import { TextTokenizer } from '../../text/lane/tokenizer.js';
import { fullBatch } from '../../text/lane/warm-up.js';
import type { ClipTokenizerParams, EmbedTextsParams, TextRows } from './protocol.js';
import type { ClipTextSession } from './text-session.js';

/** Tokenizer and text graph of one model, inside a lane. */
export class ClipTextModel {
  readonly #tokenizer: TextTokenizer;
  readonly #session: ClipTextSession;
  readonly #params: ClipTokenizerParams & { tokenBudget: number };
  readonly #binding: NativeBinding;
  readonly #scheduler: BatchScheduler;

  private constructor(
    tokenizer: TextTokenizer,
    session: ClipTextSession,
    params: ClipTokenizerParams & { tokenBudget: number },
    binding: NativeBinding,
    scheduler: BatchScheduler,
  ) {
    this.#tokenizer = tokenizer;
    this.#session = session;
    this.#params = params;
    this.#binding = binding;
    this.#scheduler = scheduler;
  }

  static async open(
    session: ClipTextSession,
    params: ClipTokenizerParams & { tokenBudget: number },
    binding: NativeBinding,
    scheduler: BatchScheduler,
  ): Promise<ClipTextModel> {
    const { file, padToken, padId, maxTokens } = params;
    const tokenizer = await TextTokenizer.open({
      files: { file, truncationSide: 'right', paddingSide: 'right', padToken, padId },
      maxTokens,
      lowercase: false,
    });
    return new ClipTextModel(tokenizer, session, params, binding, scheduler);
  }

  /** Width of an embedding, found by running one text. */
  async probe(): Promise<number> {
    const [data] = await this.#run([await this.ids(['a'])].flat());
    return data.length;
  }

  /** Runs the largest batch. */
  async warmUp(): Promise<void> {
    const { maxTokens, tokenBudget } = this.#params;
    const params = { job: 0, texts: { texts: [], joined: [] }, truncateDim: undefined, normalize: false };
    await this.embed(params, fullBatch(maxTokens, tokenBudget), () => {});
  }

  /** Token ids of each text, cut at the model's limit, special tokens included. */
  async ids(texts: string[]): Promise<Int32Array[]> {
    return (await this.#tokenizer.sequences(texts)).sequences.map(({ ids }) => ids);
  }

  async embed(params: EmbedTextsParams, texts: string[], report: (rows: TextRows) => void): Promise<void> {
    const sequences = await this.ids(texts);
    const { maxTokens, padToMax, tokenBudget } = this.#params;
    const lengths = sequences.map(({ length }) => (padToMax ? maxTokens : length));
    const batches = formBatches(lengths, tokenBudget).map((members) => async () => {
      const vectors = await this.#run(Array.from(members, (member) => sequences[member]));
      const { truncateDim, normalize } = params;
      const kept = vectors.map((vector) => vector.subarray(0, truncateDim ?? vector.length));
      const dims = kept[0].length;
      const data = new Float32Array(kept.length * dims);
      for (const [i, vector] of kept.entries()) data.set(vector, i * dims);
      if (normalize) this.#binding.normalizeRows(data, dims);
      report({ rows: members, data });
    });
    await this.#scheduler.run(params.job, batches);
  }

  /** Sequences as the rectangle that the graph takes. */
  pad(sequences: readonly Int32Array[]): TokenBatch {
    const { maxTokens, padToMax } = this.#params;
    const longest = sequences.reduce((most, { length }) => Math.max(most, length), 1);
    const sequence = padToMax ? maxTokens : longest;
    const batch = sequences.length;
    const ids = new Int32Array(batch * sequence).fill(this.#tokenizer.padding.id);
    const mask = new Uint8Array(batch * sequence);
    sequences.forEach((tokens, row) => {
      ids.set(tokens, row * sequence);
      mask.fill(1, row * sequence, row * sequence + tokens.length);
    });
    return { batch, sequence, ids, mask, typeIds: new Int32Array(batch * sequence) };
  }

  async #run(sequences: readonly Int32Array[]): Promise<Float32Array[]> {
    const outputs = await this.#session.run(this.pad(sequences));
    try {
      const { data, dims } = outputs.textVectors(this.#session.output);
      if (!data.every(Number.isFinite)) {
        throw new EmbedlaneError(
          'ERR_MODEL_INVALID',
          'Expected finite embeddings but the model computed NaN or infinity',
        );
      }
      return sequences.map((_, row) => data.slice(row * dims, (row + 1) * dims));
    } finally {
      outputs.dispose();
    }
  }
}
