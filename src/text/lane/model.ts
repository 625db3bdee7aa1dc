import type { Encoding } from 'tokenizers';
import { EmbedlaneError } from '../../core/errors.js';
import { type NativeBinding, POOLING_MODES, type PoolingMode } from '../../native/binding.js';
import { formBatches } from '../../runtime/batching.js';
import { BatchScheduler } from '../../runtime/scheduler.js';
import type { OutputVectors, TokenBatch, TokenSession } from '../../runtime/session.js';
import type { EmbedParams, EmbedResult, EmbedRows, LoadParams } from './protocol.js';
import type { TextTokenizer } from './tokenizer.js';

interface Sequence {
  ids: Int32Array;
  typeIds: Int32Array | undefined;
}

/** How the rows of one window are to come out. */
interface Output {
  /** Leading tokens that pooling leaves out. */
  excluded: number;
  truncateDim: number | undefined;
  normalize: boolean;
}

/** Tokenizer, graph and pooling of one model, inside a lane. */
export class TextModel {
  readonly #tokenizer: TextTokenizer;
  readonly #session: TokenSession;
  /** The output that holds the token vectors. */
  readonly #output: string;
  readonly #binding: NativeBinding;
  readonly #params: LoadParams;
  readonly #scheduler = new BatchScheduler();
  readonly #promptLengths = new Map<string, number>();
  /** Jobs with windows here, so that a cancellation also reaches those whose texts are in the tokenizer. */
  readonly #jobs = new Map<number, { windows: number; cancelled: boolean }>();
  #hasTypeIds = false;

  constructor(tokenizer: TextTokenizer, session: TokenSession, binding: NativeBinding, params: LoadParams) {
    this.#tokenizer = tokenizer;
    this.#session = session;
    this.#output = tokenOutput(session);
    this.#binding = binding;
    this.#params = params;
  }

  /**
   * Runs one token through everything, so that what does not fit together is found at load and not with a
   * user's first text.
   *
   * @returns width of an embedding
   */
  async probe(): Promise<number> {
    const [encoding] = await this.#tokenizer.encode(['a']);
    this.#hasTypeIds =
      this.#session.takes('token_type_ids') && encoding.getTypeIds().some((typeId) => typeId !== 0);
    const ids = encoding.getLength() > 0 ? encoding.getIds() : [this.#tokenizer.padding.id];
    const sequence: Sequence = { ids: Int32Array.from(ids), typeIds: undefined };
    const data = await this.#embed([sequence], { excluded: 0, truncateDim: undefined, normalize: false });
    const { modes, tokenDims } = this.#params.pooling;
    if (tokenDims !== undefined && tokenDims * modes.length !== data.length) {
      throw new EmbedlaneError(
        'ERR_MODEL_INVALID',
        `Expected token vectors of the width that the pooling configuration says, ${tokenDims}, ` +
          `but the ONNX graph's have ${data.length / modes.length}`,
      );
    }
    return data.length;
  }

  /** Embeds a window of texts, reporting rows batch by batch as they are done. */
  async embed(params: EmbedParams, texts: string[], report: (rows: EmbedRows) => void): Promise<EmbedResult> {
    const job = this.#jobs.get(params.job) ?? { windows: 0, cancelled: false };
    this.#jobs.set(params.job, job);
    job.windows++;
    try {
      const { batches, unfinished } = await this.#prepare(params, texts, report);
      if (job.cancelled) throw new EmbedlaneError('ERR_ABORTED', 'The operation was aborted');
      await this.#scheduler.run(params.job, batches, params.priority);
      return { unfinished };
    } finally {
      job.windows--;
      if (job.windows === 0) this.#jobs.delete(params.job);
    }
  }

  /** Drops what has not started of a job. */
  cancel(id: number): void {
    const job = this.#jobs.get(id);
    if (job) job.cancelled = true;
    this.#scheduler.cancel(id);
  }

  /** Tokenises a window and forms its batches. */
  async #prepare(params: EmbedParams, texts: string[], report: (rows: EmbedRows) => void) {
    const { prompt, open } = params;
    const excluded = this.#params.pooling.includePrompt ? 0 : await this.#promptLength(prompt);
    const output = { excluded, truncateDim: params.truncateDim, normalize: params.normalize };
    const prompted = prompt === '' ? texts : texts.map((text) => prompt + text);
    const encodings = await this.#tokenizer.encode(prompted);
    const unfinished = await this.#tokenizer.unsettled(prompted, encodings, open);

    const skip = new Set(unfinished);
    const indices = encodings.map((_, index) => index).filter((index) => !skip.has(index));
    const sequences = indices.map((index) => this.#sequence(encodings[index]));
    const lengths = sequences.map(({ ids }) => ids.length);
    const batches = formBatches(lengths, this.#params.tokenBudget).map((members) => async () => {
      const batch = Array.from(members, (member) => sequences[member]);
      const data = await this.#embed(batch, output);
      const rows = members.map((member) => indices[member]);
      const own = Uint32Array.from(batch, ({ ids }) => ids.length);
      report({ rows, data, lengths: own, tokens: batch.length * batch[0].ids.length });
    });
    return { batches, unfinished };
  }

  async #promptLength(prompt: string): Promise<number> {
    if (prompt === '') return 0;
    let length = this.#promptLengths.get(prompt);
    if (length === undefined) {
      length = await this.#tokenizer.promptLength(prompt);
      // Prompts are few; a caller who makes one up per text must not fill the lane's memory.
      if (this.#promptLengths.size >= 100) this.#promptLengths.clear();
      this.#promptLengths.set(prompt, length);
    }
    return length;
  }

  #sequence(encoding: Encoding): Sequence {
    return {
      ids: Int32Array.from(encoding.getIds()),
      typeIds: this.#hasTypeIds ? Int32Array.from(encoding.getTypeIds()) : undefined,
    };
  }

  /** One run of the model: sequences, longest first, to rows. */
  async #embed(sequences: Sequence[], output: Output): Promise<Float32Array> {
    const batch = this.#pad(sequences);
    const outputs = await this.#session.run(batch, [this.#output]);
    let pooled: Float32Array;
    try {
      pooled = this.#pool(batch, outputs.tokenVectors(this.#output), output);
    } finally {
      outputs.dispose();
    }
    // Any NaN or infinity makes the sum NaN: x · 0 is 0 for finite x and NaN for the rest.
    let sum = 0;
    for (let i = 0; i < pooled.length; i++) sum += pooled[i] * 0;
    if (sum !== 0) {
      throw new EmbedlaneError(
        'ERR_MODEL_INVALID',
        'Expected finite embeddings but the model computed NaN or infinity',
      );
    }
    return pooled;
  }

  #pad(sequences: Sequence[]): TokenBatch {
    const { id, typeId, side } = this.#tokenizer.padding;
    const batch = sequences.length;
    // A tokenizer without special tokens makes no token of '', and a graph needs one: it gets padding.
    const sequence = Math.max(1, sequences[0].ids.length);
    const ids = new Int32Array(batch * sequence).fill(id);
    const mask = new Uint8Array(batch * sequence);
    const typeIds = new Int32Array(batch * sequence).fill(this.#hasTypeIds ? typeId : 0);
    sequences.forEach((tokens, row) => {
      const { length } = tokens.ids;
      const start = row * sequence + (side === 'left' ? sequence - length : 0);
      ids.set(tokens.ids, start);
      mask.fill(1, start, start + length);
      if (tokens.typeIds) typeIds.set(tokens.typeIds, start);
    });
    return { batch, sequence, ids, mask, typeIds };
  }

  /** Pooling, the model's Normalize, the cut to fewer dimensions and the caller's normalisation, in this order. */
  #pool(
    tokens: TokenBatch,
    hidden: OutputVectors,
    { excluded, truncateDim, normalize }: Output,
  ): Float32Array {
    const { modes } = this.#params.pooling;
    const dims = hidden.dims * modes.length;
    const cut = truncateDim !== undefined && truncateDim < dims;
    const leading = excluded === 0 ? null : new Uint32Array(tokens.batch).fill(excluded);
    const { data } = hidden;
    const { batch, sequence, mask } = tokens;
    const pool = (modes: readonly PoolingMode[], normalize: boolean) =>
      this.#binding.pool(data, mask, batch, sequence, hidden.dims, modes, normalize, leading);

    const first = this.#params.normalize || (normalize && !cut);
    let rows: Float32Array;
    if (isCanonical(modes)) {
      rows = pool(modes, first);
    } else {
      rows = interleave(
        modes.map((mode) => pool([mode], false)),
        batch,
        hidden.dims,
      );
      if (first) this.#binding.normalizeRows(rows, dims);
    }
    if (!cut) return rows;
    const short = cutRows(rows, dims, truncateDim);
    if (normalize) this.#binding.normalizeRows(short, truncateDim);
    return short;
  }
}

function tokenOutput({ outputs }: TokenSession): string {
  const output =
    outputs.find(({ name }) => name === 'last_hidden_state') ??
    outputs.find(({ name }) => name === 'token_embeddings') ??
    outputs.find(({ rank }) => rank === 3);
  if (output) return output.name;
  throw new EmbedlaneError(
    'ERR_MODEL_INVALID',
    `Expected an output of token vectors (rank 3) of the ONNX graph but it has ${outputs.map(({ name }) => name).join(', ')}`,
  );
}

/** Whether modes are in the order in which the addon concatenates them, each at most once. */
function isCanonical(modes: readonly PoolingMode[]): boolean {
  const order = modes.map((mode) => POOLING_MODES.indexOf(mode));
  return order.every((place, i) => i === 0 || place > order[i - 1]);
}

/** Puts the matrices of several modes side by side. */
function interleave(parts: Float32Array[], rows: number, dims: number): Float32Array {
  const out = new Float32Array(rows * dims * parts.length);
  for (let row = 0; row < rows; row++) {
    parts.forEach((part, i) => {
      out.set(part.subarray(row * dims, (row + 1) * dims), (row * parts.length + i) * dims);
    });
  }
  return out;
}

/** The first `kept` of every `dims` values. */
function cutRows(rows: Float32Array, dims: number, kept: number): Float32Array {
  const out = new Float32Array((rows.length / dims) * kept);
  for (let from = 0, to = 0; from < rows.length; from += dims, to += kept) {
    out.set(rows.subarray(from, from + kept), to);
  }
  return out;
}
