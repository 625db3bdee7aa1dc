import { EmbedlaneError } from '../../core/errors.js';
import { formBatches } from '../../runtime/batching.js';
import { BatchScheduler } from '../../runtime/scheduler.js';
import { TokenSession } from '../../runtime/session.js';
import type { LibraryTokenizer } from '../../text/lane/library-tokenizer.js';
import { padSequences, type Sequence, sharedRuns } from '../../text/lane/sequences.js';
import { TextTokenizer } from '../../text/lane/tokenizer.js';
import { fullBatch } from '../../text/lane/warm-up.js';
import { type Head, openHead } from './heads.js';
import { pairSequence } from './pairs.js';
import type { HeadRows, Loaded, LoadParams, RunParams, TokenOptions } from './protocol.js';

/** Tokens of one text, and which of their vectors count. */
interface Tokens extends Sequence {
  /** How many of them, from the start, the model attends to. */
  attended: number;
  kept: Uint8Array;
}

/** Tokenizer, graph and head of one model, inside a lane. */
export class HeadModel {
  /** For what is asked of single tokens. */
  readonly library: LibraryTokenizer;
  readonly #tokenizer: TextTokenizer;
  readonly #session: TokenSession;
  readonly #head: Head;
  readonly #tokenBudget: number;
  readonly #scheduler = new BatchScheduler();
  /** Jobs with windows here, so that a cancellation also reaches those whose texts are in the tokenizer. */
  readonly #cancelled = new Map<number, { windows: number; cancelled: boolean }>();

  private constructor(
    tokenizer: TextTokenizer,
    library: LibraryTokenizer,
    session: TokenSession,
    head: Head,
    tokenBudget: number,
  ) {
    this.library = library;
    this.#tokenizer = tokenizer;
    this.#session = session;
    this.#head = head;
    this.#tokenBudget = tokenBudget;
  }

  static async open({ encoder, head, session: settings, tokenBudget }: LoadParams): Promise<HeadModel> {
    const { modelFile, tokenizer: files, lowercase, maxTokens, paddingPosition } = encoder;
    const [tokenizer, session] = await Promise.all([
      TextTokenizer.open({ files, maxTokens, lowercase }),
      TokenSession.open({ file: modelFile, paddingPosition, ...settings }),
    ]);
    const library = await tokenizer.library();
    const made = await openHead(head, session.outputs, library, encoder.vocabulary);
    return new HeadModel(tokenizer, library, session, made, tokenBudget);
  }

  /** Runs one short text, so that what does not fit together is found at load. */
  async probe(): Promise<Loaded> {
    const { sequences } = await this.#tokenizer.sequences(['a']);
    const { fields } = await this.#runBatch(sequences.map((sequence) => this.#withOptions(sequence, {})));
    const widths = Object.entries(fields).map(([name, { values }]) => [name, values.length] as const);
    return { widths: { ...Object.fromEntries(widths), ...this.#head.widths } };
  }

  /** Runs the largest batch. */
  async warmUp(): Promise<void> {
    const texts = fullBatch(this.#tokenizer.maxTokens, this.#tokenBudget);
    const params = { job: -1, texts: { texts: [], joined: [] }, seconds: undefined, tokens: {} };
    await this.run(params, texts, undefined, () => {});
  }

  async run(
    params: RunParams,
    texts: string[],
    seconds: string[] | undefined,
    report: (rows: HeadRows) => void,
  ): Promise<void> {
    const job = this.#cancelled.get(params.job) ?? { windows: 0, cancelled: false };
    this.#cancelled.set(params.job, job);
    job.windows++;
    try {
      const sequences = await this.#encode(texts, seconds, params.tokens);
      if (job.cancelled) throw new EmbedlaneError('ERR_ABORTED', 'The operation was aborted');
      const lengths = sequences.map(({ ids }) => ids.length);
      const runs = formBatches(lengths, this.#tokenBudget).flatMap((rows) => {
        const members = Array.from(rows, (row) => sequences[row]);
        return sharedRuns(this.#session, members).map(([from, to]) => rows.subarray(from, to));
      });
      const batches = runs.map((rows) => async () => {
        const batch = Array.from(rows, (row) => sequences[row]);
        report({ rows, ...(await this.#runBatch(batch)) });
      });
      await this.#scheduler.run(params.job, batches);
    } finally {
      job.windows--;
      if (job.windows === 0) this.#cancelled.delete(params.job);
    }
  }

  /** Drops what has not started of a job. */
  cancel(id: number): void {
    const job = this.#cancelled.get(id);
    if (job) job.cancelled = true;
    this.#scheduler.cancel(id);
  }

  async #encode(texts: string[], seconds: string[] | undefined, options: TokenOptions): Promise<Tokens[]> {
    if (seconds) {
      const pairs = texts.map((text, i): [string, string] => [text, seconds[i]]);
      const { maxTokens, truncationSide } = this.#tokenizer;
      return (await this.#tokenizer.encodePairBeginnings(pairs)).map((encoding) =>
        this.#withOptions(pairSequence(encoding, maxTokens, truncationSide === 'left'), options),
      );
    }
    const room = options.maxTokens && options.maxTokens - (options.marker === undefined ? 0 : 1);
    const truncation = this.#tokenizer.truncation(
      room === undefined ? undefined : { maxTokens: room, side: undefined },
    );
    const sequences = await this.#tokenizer.sequencesOfBeginnings(texts, truncation);
    return sequences.map((sequence) => this.#withOptions(sequence, options));
  }

  #withOptions(sequence: Sequence, options: TokenOptions): Tokens {
    const ids = Array.from(sequence.ids.length > 0 ? sequence.ids : [this.#tokenizer.padding.id]);
    const typeIds = Array.from(sequence.typeIds ?? ids.map(() => 0));
    if (options.marker !== undefined) {
      ids.splice(1, 0, this.#id(options.marker));
      typeIds.splice(1, 0, 0);
    }
    const skipped = new Set(options.skipped?.map((token) => this.library.tokenId(token)));
    const only = options.only?.length ? new Set(options.only) : undefined;
    const kept = ids.map((id) => (skipped.has(id) || only?.has(id) === false ? 0 : 1));
    let attended = ids.length;
    if (options.expansion) {
      const { token, length, attend } = options.expansion;
      const id = this.#id(token);
      while (ids.length < length) {
        ids.push(id);
        typeIds.push(0);
        kept.push(1);
      }
      if (attend) attended = ids.length;
    }
    return {
      ids: Int32Array.from(ids),
      typeIds: Int32Array.from(typeIds),
      attended,
      kept: Uint8Array.from(kept),
    };
  }

  #id(token: string): number {
    const id = this.library.tokenId(token);
    if (id !== undefined) return id;
    throw new EmbedlaneError(
      'ERR_MODEL_INVALID',
      `Expected a token '${token}' in the tokenizer but it has none`,
    );
  }

  async #runBatch(sequences: readonly Tokens[]): Promise<Omit<HeadRows, 'rows'>> {
    const batch = padSequences(sequences, this.#tokenizer.padding, true);
    const kept = new Uint8Array(batch.mask.length);
    const left = this.#tokenizer.padding.side === 'left';
    sequences.forEach((tokens, row) => {
      const { length } = tokens.ids;
      const start = row * batch.sequence + (left ? batch.sequence - length : 0);
      kept.set(tokens.kept, start);
      batch.mask.fill(0, start + tokens.attended, start + length);
    });
    const outputs = await this.#session.run(batch, this.#head.outputs);
    try {
      const fields = this.#head.fields(batch, outputs, kept);
      for (const { values } of Object.values(fields)) requireFinite(values);
      const used = sequences.reduce((sum, { attended }) => sum + attended, 0);
      return { fields, tokens: batch.batch * batch.sequence, used };
    } finally {
      outputs.dispose();
    }
  }
}

/** Any NaN or infinity makes the sum NaN: x · 0 is 0 for finite x and NaN for the rest. */
function requireFinite(values: Float32Array): void {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] * 0;
  if (sum !== 0) {
    throw new EmbedlaneError(
      'ERR_MODEL_INVALID',
      'Expected finite values but the model computed NaN or infinity',
    );
  }
}
