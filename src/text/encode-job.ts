import { Interruptible } from '../core/interruptible.js';
import type { RuntimeMeter } from '../runtime/index.js';
import type { CancelParams, EmbedParams, EmbedResult, EmbedRows } from './lane/protocol.js';
import type { EncodePlan } from './options.js';
import type { RowSink } from './rows.js';
import { dropTexts, sendTexts } from './send-texts.js';
import type { TextJob, TextLane, TextLaneCalls } from './text-lane.js';
import { HEAD_GROWTH, sharedWindows, type TextWindow, textWindows, WINDOWS_IN_FLIGHT } from './windows.js';

/**
 * About a millisecond of copying per window on the main thread, and enough texts that sorting them by length
 * leaves hardly any padding.
 */
const WINDOW = { texts: 2048, characters: 256 * 1024 };

let nextJob = 0;

/** One `encode` call: sends its texts window by window and puts the rows that come back in their places. */
export class EncodeJob<Result> implements TextJob<Result> {
  readonly #id = nextJob++;
  readonly #lane: TextLane;
  readonly #texts: readonly string[];
  readonly #plan: EncodePlan;
  readonly #sink: RowSink<Result>;
  /** Which rows are there: a window that is run again after its lane died reports some twice. */
  readonly #done: Uint8Array;
  readonly #lengths: Uint32Array;
  readonly #meter: RuntimeMeter;
  #completed = 0;
  #tokens = 0;
  readonly #work = new Interruptible();
  /** Windows still to be sent; beginnings that were too short are added at the end. */
  readonly #sources: Generator<TextWindow, void, undefined>[];

  /**
   * @param head characters of each text to send at first
   * @param meter hears of every batch
   */
  constructor(
    lane: TextLane,
    texts: readonly string[],
    plan: EncodePlan,
    sink: RowSink<Result>,
    head: number,
    meter: RuntimeMeter,
  ) {
    this.#lane = lane;
    this.#texts = texts;
    this.#plan = plan;
    this.#sink = sink;
    this.#done = new Uint8Array(texts.length);
    this.#lengths = new Uint32Array(texts.length);
    this.#meter = meter;
    this.#sources = [
      lane.size === 1
        ? textWindows(texts, undefined, head, WINDOW)
        : sharedWindows(texts, head, lane.size, meter.tokenBudget, WINDOW),
    ];
  }

  get lengths(): Uint32Array {
    return this.#lengths;
  }

  async run(): Promise<Result> {
    const { signal } = this.#plan;
    const work = () => this.#lane.spread(WINDOWS_IN_FLIGHT, () => this.#sendWindows());
    const params: CancelParams = { job: this.#id };
    await this.#work.run(signal, work, () => this.#lane.note('cancel', params));
    return this.#sink.finish();
  }

  async #sendWindows(): Promise<void> {
    while (!this.#work.stopped) {
      const window = this.#nextWindow();
      if (!window) return;
      const { unfinished } = await this.#lane.run(
        (lane) => this.#embed(lane, window),
        this.#plan.priority ?? 'bulk',
      );
      if (unfinished.length === 0) continue;
      const indices = unfinished.map((index) => window.indices[index]);
      this.#sources.push(textWindows(this.#texts, indices, window.head * HEAD_GROWTH, WINDOW));
    }
  }

  #nextWindow(): TextWindow | undefined {
    while (this.#sources.length > 0) {
      const next = this.#sources[0].next();
      if (!next.done) return next.value;
      this.#sources.shift();
    }
    return undefined;
  }

  async #embed(lane: TextLaneCalls, window: TextWindow): Promise<EmbedResult> {
    const texts = await sendTexts(lane, window.texts);
    if (this.#work.stopped) {
      dropTexts(lane, texts);
      return { unfinished: [] };
    }
    const { prompt, route, output, truncation, truncateDim, normalize, spans } = this.#plan;
    const params: EmbedParams = {
      job: this.#id,
      priority: this.#plan.priority ?? 'bulk',
      texts,
      open: window.open,
      prompt,
      route,
      output,
      truncation,
      truncateDim,
      normalize,
      spans: spans && window.indices.map((index) => spans[index]),
    };
    const rows = (part: EmbedRows) => this.#place(window, part);
    return (await lane.call('embed', params, rows)) as EmbedResult;
  }

  #place(window: TextWindow, { rows, data, lengths, tokens }: EmbedRows): void {
    const textTokens = lengths.reduce((sum, length) => sum + length, 0);
    this.#meter.batch(rows.length, textTokens, tokens);
    if (this.#work.stopped) return;
    const { output, spans } = this.#plan;
    const places = Array.from(rows, (row) => window.indices[row]);
    const counts = places.map((index, i) => {
      if (spans) return spans[index].length / 2;
      return output === 'token' ? lengths[i] : 1;
    });
    const dims =
      data.length /
      Math.max(
        1,
        counts.reduce((sum, count) => sum + count, 0),
      );
    for (let i = 0, from = 0; i < rows.length; i++) {
      const index = places[i];
      const to = from + counts[i] * dims;
      this.#sink.place(index, data.subarray(from, to));
      from = to;
      this.#lengths[index] = lengths[i];
      this.#completed += 1 - this.#done[index];
      this.#done[index] = 1;
    }
    this.#tokens += tokens;
    try {
      this.#plan.onProgress?.({
        completed: this.#completed,
        total: this.#texts.length,
        tokens: this.#tokens,
      });
    } catch (error) {
      // The caller's own error, thrown inside a message handler: it belongs to the call, not to the process.
      this.#work.interrupt(error);
    }
  }
}
