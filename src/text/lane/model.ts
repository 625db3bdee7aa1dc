import { EmbedlaneError } from '../../core/errors.js';
import { loadBinding } from '../../native/load.js';
import { formBatches } from '../../runtime/batching.js';
import { type Batch, BatchScheduler } from '../../runtime/scheduler.js';
import { prompted } from '../prompted.js';
import { Encoder } from './encoder.js';
import type { EncodedTexts } from './library-tokenizer.js';
import { ModuleChain } from './modules/chain.js';
import type { EmbedParams, EmbedResult, EmbedRows, Loaded, LoadParams, SkipParams } from './protocol.js';
import { Route, type RowFormat } from './route.js';
import { SharedRuns } from './shared-runs.js';
import { type TokenSpan, tokenSpans } from './spans.js';
import type { TextTokenizer } from './tokenizer.js';
import { fullBatch } from './warm-up.js';

/** Texts for {@link TextModel.warmUp}, which no call can cancel. */
const WARM_UP: Omit<EmbedParams, 'route'> = {
  job: -1,
  window: -1,
  priority: 'bulk',
  texts: { texts: [], joined: [] },
  open: [],
  prompt: '',
  output: 'sentence',
  truncation: undefined,
  truncateDim: undefined,
  normalize: false,
  spans: undefined,
  shared: false,
};

/** By how much batches of bulk jobs are smaller while queries come: each waits for the rest of one. */
const HURRIED = 3;

/** A window, tokenised. */
interface Prepared extends EncodedTexts {
  route: Route;
  format: RowFormat;
  /** Row of each sequence. */
  indices: number[];
  /** Spans of each row, if it is these that get vectors. */
  parts: TokenSpan[][] | undefined;
}

/** A whole model inside a lane: every route of it, and the order in which its work is done. */
export class TextModel {
  readonly #routes: readonly Route[];
  readonly #tokenBudget: number;
  readonly #scheduler = new BatchScheduler();
  readonly #shared: SharedRuns;
  readonly #promptLengths = new Map<string, number>();
  /** Jobs with windows here, so that a cancellation also reaches those whose texts are in the tokenizer. */
  readonly #jobs = new Map<number, { windows: number; cancelled: boolean }>();
  /** Texts of each window here that other lanes have taken over. */
  readonly #skipped = new Map<number, Set<number>>();

  private constructor(routes: readonly Route[], tokenBudget: number) {
    this.#routes = routes;
    this.#tokenBudget = tokenBudget;
    this.#shared = new SharedRuns(this.#scheduler, tokenBudget, tokenBudget / HURRIED);
  }

  static async open(params: LoadParams): Promise<TextModel> {
    const binding = loadBinding();
    const encoders = await Promise.all(params.encoders.map((encoder) => Encoder.open(encoder, params)));
    for (const { source } of encoders) {
      if (params.poolingChosen && source.kind !== 'tokens') throw nothingToPool(source.output);
    }
    const routes = params.routes.map(async ({ encoder, modules }) => {
      return new Route(encoders[encoder], await ModuleChain.open(binding, modules), binding);
    });
    return new TextModel(await Promise.all(routes), params.tokenBudget);
  }

  /** Tries every route once and says what came out. */
  async probe(): Promise<Loaded> {
    const probes: Awaited<ReturnType<Route['probe']>>[] = [];
    for (const route of this.#routes) probes.push(await route.probe());
    const widths = new Set(probes.map(({ dimensions }) => dimensions));
    if (widths.size > 1) {
      throw new EmbedlaneError(
        'ERR_MODEL_INVALID',
        `Expected the same width of embeddings for all routes but received ${[...widths].join(' and ')}`,
      );
    }
    const tokenizers = this.#routes.map(({ encoder }) => encoder.tokenizer);
    return {
      ...probes[0],
      truncationSide: tokenizers.some(({ truncationSide }) => truncationSide === 'left') ? 'left' : 'right',
      specialTokens: Math.max(...tokenizers.map(({ specialTokens }) => specialTokens)),
    };
  }

  /** Runs the largest batch through every route. */
  async warmUp(): Promise<void> {
    for (const [route, { encoder }] of this.#routes.entries()) {
      const texts = fullBatch(encoder.tokenizer.maxTokens, this.#tokenBudget);
      await this.embed({ ...WARM_UP, route }, texts, () => {});
    }
  }

  tokenizer(route: number): TextTokenizer {
    return this.#routes[route].encoder.tokenizer;
  }

  /** Embeds a window of texts, reporting rows batch by batch as they are done. */
  async embed(params: EmbedParams, texts: string[], report: (rows: EmbedRows) => void): Promise<EmbedResult> {
    const job = this.#jobs.get(params.job) ?? { windows: 0, cancelled: false };
    this.#jobs.set(params.job, job);
    job.windows++;
    const skipped = new Set<number>();
    this.#skipped.set(params.window, skipped);
    try {
      const preparation = this.#prepare(params, texts);
      if (params.priority === 'interactive') this.#scheduler.expect(preparation);
      const prepared = await preparation;
      if (job.cancelled) throw new EmbedlaneError('ERR_ABORTED', 'The operation was aborted');
      if (params.shared) await this.#embedShared(params, prepared, skipped, report);
      else await this.#scheduler.run(params.job, this.#batches(prepared, skipped, report), params.priority);
      const { unfinished } = prepared;
      return { unfinished };
    } finally {
      this.#skipped.delete(params.window);
      job.windows--;
      if (job.windows === 0) this.#jobs.delete(params.job);
    }
  }

  /** Drops what has not started of a job. */
  cancel(id: number): void {
    const job = this.#jobs.get(id);
    if (job) job.cancelled = true;
    this.#scheduler.cancel(id);
    this.#shared.cancel(id);
  }

  /** Leaves out what has not started of these texts. */
  skip({ window, texts }: SkipParams): void {
    const skipped = this.#skipped.get(window);
    for (const text of texts) skipped?.add(text);
  }

  async #prepare(params: EmbedParams, texts: string[]): Promise<Prepared> {
    const { prompt, output, truncateDim, normalize } = params;
    const route = this.#routes[params.route];
    const excluded = route.includesPrompt ? 0 : await this.#promptLength(params.route, prompt);
    const format: RowFormat = { output, truncateDim, normalize, excluded };
    return { route, format, ...(await this.#tokenize(params, texts)) };
  }

  /** Runs of a window by itself. */
  #batches(
    { route, format, sequences, indices, parts }: Prepared,
    skipped: ReadonlySet<number>,
    report: (rows: EmbedRows) => void,
  ): Batch[] {
    const lengths = sequences.map(({ ids }) => ids.length);
    const run = async (all: Uint32Array) => {
      const members = all.filter((member) => !skipped.has(indices[member]));
      if (members.length === 0) return;
      const batch = Array.from(members, (member) => sequences[member]);
      const rows = members.map((member) => indices[member]);
      const { data } = parts
        ? await route.embedSpans(
            batch,
            Array.from(rows, (row) => parts[row]),
            format,
          )
        : await route.embed(batch, format);
      const own = Uint32Array.from(batch, ({ ids }) => ids.length);
      report({ rows, data, lengths: own, tokens: batch.length * batch[0].ids.length, runs: 1 });
    };
    return formBatches(lengths, this.#tokenBudget).map((members) =>
      divisible(members, lengths[members[0]], this.#tokenBudget / HURRIED, run),
    );
  }

  /** Runs of a window with texts of other calls. */
  #embedShared(
    { job, priority, route: routeIndex }: EmbedParams,
    { route, format, sequences, indices }: Prepared,
    skipped: ReadonlySet<number>,
    report: (rows: EmbedRows) => void,
  ): Promise<void> {
    return this.#shared.embed({
      job,
      priority,
      kind: JSON.stringify([routeIndex, format]),
      sequences,
      indices,
      skipped,
      run: (batch) => route.embed(batch, format),
      vectors: ({ ids }) => (format.output === 'token' ? ids.length : 1),
      report,
    });
  }

  /**
   * What is needed of a window's tokens, in a function of its own: encodings of the tokenizer library are native memory, a
   * hundred bytes and more per token, and would live as long as the window's last batch if its closure shared their scope.
   */
  async #tokenize({ prompt, open, spans, route, ...params }: EmbedParams, texts: string[]) {
    const tokenizer = this.tokenizer(route);
    const truncation = tokenizer.truncation(params.truncation);
    const whole = prompted(prompt, texts);
    let parts: TokenSpan[][] | undefined;
    let encoded: EncodedTexts;
    if (spans) {
      // Only the library says where tokens are.
      const library = await tokenizer.library();
      const encodings = await library.encodeFor(whole, truncation);
      encoded = await library.cut(whole, encodings, truncation, open);
      parts = tokenSpans(whole, encodings, prompt.length, spans);
    } else {
      encoded = await tokenizer.sequences(whole, truncation, open);
    }
    const { sequences, unfinished } = encoded;
    const skip = new Set(unfinished);
    const indices = [...texts.keys()].filter((index) => !skip.has(index));
    return { sequences: indices.map((index) => sequences[index]), indices, parts, unfinished };
  }

  async #promptLength(route: number, prompt: string): Promise<number> {
    if (prompt === '') return 0;
    const key = `${route}:${prompt}`;
    let length = this.#promptLengths.get(key);
    if (length === undefined) {
      length = await this.tokenizer(route).promptLength(prompt);
      // Prompts are few; a caller who makes one up per text must not fill the lane's memory.
      if (this.#promptLengths.size >= 100) this.#promptLengths.clear();
      this.#promptLengths.set(key, length);
    }
    return length;
  }
}

/** A batch that can be cut into such of at most `budget` tokens. */
function divisible(
  members: Uint32Array,
  longest: number,
  budget: number,
  run: (members: Uint32Array) => Promise<void>,
): Batch {
  const size = Math.max(1, Math.floor(budget / longest));
  const batch: Batch = () => run(members);
  if (members.length > size) {
    batch.cut = () =>
      Array.from({ length: Math.ceil(members.length / size) }, (_, part) => {
        return () => run(members.subarray(part * size, (part + 1) * size));
      });
  }
  return batch;
}

function nothingToPool(output: string): EmbedlaneError {
  return new EmbedlaneError(
    'ERR_MODEL_INVALID',
    `Expected an ONNX graph with token vectors for the pooling option but it has only '${output}'`,
  );
}
