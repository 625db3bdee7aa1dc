import { Interruptible } from '../core/interruptible.js';
import type { RuntimeMeter } from '../runtime/index.js';
import { HeldWindow, takeOver } from './held-windows.js';
import type { CancelParams, EmbedParams, EmbedResult, EmbedRows, SkipParams } from './lane/protocol.js';
import type { EncodePlan } from './options.js';
import type { RowSink } from './rows.js';
import { dropTexts, sendTexts } from './send-texts.js';
import type { TextJob, TextLane, TextLaneCalls } from './text-lane.js';
import {
  HEAD_GROWTH,
  runCharacters,
  sharedWindows,
  type TextWindow,
  textWindows,
  WINDOWS_IN_FLIGHT,
} from './windows.js';

/**
 * About a millisecond of copying per window on the main thread, and enough texts that sorting them by length
 * leaves hardly any padding.
 */
const WINDOW = { texts: 2048, characters: 256 * 1024 };

let nextJob = 0;

export interface EncodeJobSettings {
  /** Characters of each text to send at first. */
  head: number;
  /** Hears of every batch. */
  meter: RuntimeMeter;
  /**
   * How much is left to do of a job whose texts share runs with those of others. Without it, the job has runs of its own,
   * and all lanes if it is large.
   */
  sharedLeft?: () => number;
}

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
  readonly #sharedLeft: (() => number) | undefined;
  #completed = 0;
  #tokens = 0;
  readonly #work = new Interruptible();
  /** Windows still to be sent; beginnings that were too short are added at the end. */
  readonly #sources: Generator<TextWindow, void, undefined>[];
  /** Windows that lanes have. */
  readonly #held = new Set<HeldWindow>();

  constructor(
    lane: TextLane,
    texts: readonly string[],
    plan: EncodePlan,
    sink: RowSink<Result>,
    { head, meter, sharedLeft }: EncodeJobSettings,
  ) {
    this.#lane = lane;
    this.#texts = texts;
    this.#plan = plan;
    this.#sink = sink;
    this.#done = new Uint8Array(texts.length);
    this.#lengths = new Uint32Array(texts.length);
    this.#meter = meter;
    this.#sharedLeft = sharedLeft;
    this.#sources = [
      lane.size === 1 || sharedLeft !== undefined
        ? textWindows(texts, undefined, head, WINDOW)
        : sharedWindows(texts, head, lane.size, meter.tokenBudget, WINDOW),
    ];
  }

  get lengths(): Uint32Array {
    return this.#lengths;
  }

  async run(): Promise<Result> {
    const { signal } = this.#plan;
    const send = () => this.#sendWindows();
    const work = this.#sharedLeft === undefined ? () => this.#lane.spread(WINDOWS_IN_FLIGHT, send) : send;
    const params: CancelParams = { job: this.#id };
    await this.#work.run(signal, work, () => this.#lane.note('cancel', params));
    return this.#sink.finish();
  }

  async #sendWindows(): Promise<void> {
    while (!this.#work.stopped) {
      const window = this.#nextWindow() ?? this.#takeOver();
      if (!window) return;
      const held = new HeldWindow(window);
      this.#held.add(held);
      const { unfinished } = await this.#lane
        .run((lane) => this.#embed(lane, held), this.#plan.priority ?? 'bulk', this.#sharedLeft)
        .finally(() => this.#held.delete(held));
      const places = held.remaining(unfinished);
      if (places.length > 0) this.#sources.push(this.#again(window, places, window.head * HEAD_GROWTH));
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

  /** A window for a lane that has run out of them, of what another has not begun. */
  #takeOver(): TextWindow | undefined {
    const { run, least } = runCharacters(this.#meter.tokenBudget);
    const taken = takeOver(this.#held, this.#lane.ready, run, least);
    if (!taken) return undefined;
    const { from, places } = taken;
    this.#skip(from, places);
    return this.#again(from.window, places, from.window.head).next().value as TextWindow;
  }

  /** Texts of a window, once more. */
  #again({ indices }: TextWindow, places: readonly number[], head: number) {
    const chosen = places.map((place) => indices[place]);
    return textWindows(this.#texts, chosen, head, WINDOW);
  }

  /** Tells a window's lane what need not be done. */
  #skip({ id, lane }: HeldWindow, texts: number[]): void {
    const params: SkipParams = { window: id, texts };
    if (texts.length > 0) void lane?.note('skip', params);
  }

  async #embed(lane: TextLaneCalls, held: HeldWindow): Promise<EmbedResult> {
    const { window } = held;
    held.lane = undefined;
    const texts = await sendTexts(lane, window.texts);
    if (this.#work.stopped) {
      dropTexts(lane, texts);
      return { unfinished: [] };
    }
    held.lane = lane;
    const { prompt, route, output, truncation, truncateDim, normalize, spans } = this.#plan;
    const params: EmbedParams = {
      job: this.#id,
      window: held.id,
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
      shared: this.#sharedLeft !== undefined,
    };
    const rows = (part: EmbedRows) => this.#place(held, part);
    const result = lane.call('embed', params, rows) as Promise<EmbedResult>;
    // After the death of a lane: what is there, or another's by now, is not done again.
    this.#skip(held, held.settled);
    return result;
  }

  #place(held: HeldWindow, { rows, data, lengths, tokens, runs }: EmbedRows): void {
    held.done(rows);
    const textTokens = lengths.reduce((sum, length) => sum + length, 0);
    this.#meter.batch(rows.length, textTokens, tokens, runs);
    if (this.#work.stopped) return;
    const { output, spans } = this.#plan;
    const places = Array.from(rows, (row) => held.window.indices[row]);
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
      this.#sink.place(index, data.subarray(from, to), lengths[i]);
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
