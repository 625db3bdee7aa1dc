import { withDeadline } from '../core/deadline.js';
import { EmbedlaneError, withCallerStack } from '../core/errors.js';
import { Interruptible } from '../core/interruptible.js';
import type { OnProgress } from '../core/progress.js';
import {
  allowTeam,
  type Lane,
  type LaneHandle,
  type LaneSettings,
  openLane,
  type Priority,
} from '../runtime/index.js';
import { dropTexts, sendTexts } from '../text/send-texts.js';
import { shareAmong, WINDOWS_IN_FLIGHT, type WindowLimits } from '../text/windows.js';
import type { HeadRows, Loaded, LoadParams, RunParams, TokenOptions } from './lane/protocol.js';

const LANE = new URL('./lane/main.js', import.meta.url);

/** About a millisecond of copying per window on the main thread. */
const WINDOW = { texts: 512, characters: 256 * 1024 };

/** Texts of a call that somebody waits for: such as are not shared among lanes. */
const ALONE = 64;

let nextJob = 0;

/** A model's results for one text, by the name of the field. */
export type TextFields = Record<string, { values: Float32Array; indices: Uint32Array | undefined }>;

export interface RunOptions {
  tokens?: TokenOptions;
  signal: AbortSignal | undefined;
  onProgress: OnProgress | undefined;
  onUsage: ((usage: { tokens: number }) => void) | undefined;
  /** Milliseconds. */
  timeout: number | undefined;
}

/** A model with another head than an embedding, in a process of its own. */
export class HeadLane {
  readonly #lane: Lane<Loaded>;

  private constructor(lane: Lane<Loaded>) {
    this.#lane = lane;
  }

  /**
   * Throws what `load` of the model's class documents.
   *
   * @param bytes of the model's files
   */
  static async load(
    params: LoadParams,
    bytes: number,
    lanes: LaneSettings,
    signal: AbortSignal | undefined,
  ): Promise<{ lane: HeadLane; loaded: Loaded }> {
    const { lane, loaded } = await openLane<Loaded>(LANE, params, lanes, signal);
    allowTeam(lane, params, bytes, lanes);
    return { lane: new HeadLane(lane), loaded };
  }

  /**
   * Runs texts, or pairs of texts, through the model.
   *
   * @param seconds second text of each pair, or undefined
   * @returns results in the order of the texts
   */
  async run(
    texts: readonly string[],
    seconds: readonly string[] | undefined,
    options: RunOptions,
  ): Promise<TextFields[]> {
    this.#assertOpen();
    return withDeadline(options, (signal) => this.#run(texts, seconds, { ...options, signal }));
  }

  async #run(
    texts: readonly string[],
    seconds: readonly string[] | undefined,
    { tokens = {}, signal, onProgress, onUsage }: Omit<RunOptions, 'timeout'>,
  ): Promise<TextFields[]> {
    const job = nextJob++;
    const out = new Array<TextFields>(texts.length);
    let completed = 0;
    let padded = 0;
    let used = 0;
    const work = new Interruptible();
    const place = (start: number, { rows, fields, ...batch }: HeadRows) => {
      if (work.stopped) return;
      for (const row of rows) if (!out[start + row]) completed++;
      spread(fields, rows, (row, values) => {
        out[start + row] = values;
      });
      padded += batch.tokens;
      used += batch.used;
      try {
        onProgress?.({ completed, total: texts.length, tokens: padded });
      } catch (error) {
        // The caller's own error, thrown inside a message handler: it belongs to the call.
        work.interrupt(error);
      }
    };
    const send = async (process: LaneHandle, start: number, end: number) => {
      const first = await sendTexts(process, texts.slice(start, end));
      const second = seconds && (await sendTexts(process, seconds.slice(start, end)));
      if (work.stopped) {
        dropTexts(process, first);
        if (second) dropTexts(process, second);
        return;
      }
      const params: RunParams = { job, texts: first, seconds: second, tokens };
      await process.call('run', params, (rows: HeadRows) => place(start, rows));
    };
    const windows = cutWindows(texts, seconds, shareAmong(this.#lane.size, texts.length, WINDOW));
    const priority: Priority = texts.length > ALONE ? 'bulk' : 'interactive';
    const sendWindows = async () => {
      for (const [start, end] of windows) {
        if (work.stopped) return;
        await this.#lane.run((process) => send(process, start, end), priority);
      }
    };
    const sending = () => this.#lane.spread(WINDOWS_IN_FLIGHT, sendWindows);
    try {
      await work.run(signal, sending, () => this.#lane.note('cancel', { job }));
    } catch (error) {
      throw withCallerStack(error);
    }
    onUsage?.({ tokens: used });
    return out;
  }

  /** Spelling of each token id. */
  spell(ids: readonly number[]): Promise<string[]> {
    this.#assertOpen();
    return this.#lane.run(async (process) => (await process.call('spell', ids)) as string[]);
  }

  /** Ends the model's process. Calls in progress reject with `ERR_CLOSED`, as do later ones. */
  async close(): Promise<void> {
    await this.#lane.close();
  }

  #assertOpen(): void {
    if (this.#lane.closed)
      throw new EmbedlaneError('ERR_CLOSED', 'Expected an open model but it has been closed');
  }
}

/** Ranges of texts whose characters are few enough to be copied in one go; a longer text has one of its own. */
function* cutWindows(
  texts: readonly string[],
  seconds: readonly string[] | undefined,
  limits: WindowLimits,
): Generator<[number, number], void, undefined> {
  for (let start = 0; start < texts.length; ) {
    let end = start;
    for (let characters = 0; end < texts.length && end - start < limits.texts; end++) {
      characters += texts[end].length + (seconds?.[end].length ?? 0);
      if (characters > limits.characters && end > start) break;
    }
    yield [start, end];
    start = end;
  }
}

function spread(
  fields: HeadRows['fields'],
  rows: Uint32Array,
  set: (row: number, fields: TextFields) => void,
): void {
  const starts: Record<string, number> = {};
  rows.forEach((row, i) => {
    const own: TextFields = {};
    for (const [name, { lengths, values, indices }] of Object.entries(fields)) {
      const start = starts[name] ?? 0;
      const end = start + lengths[i];
      starts[name] = end;
      own[name] = { values: values.subarray(start, end), indices: indices?.subarray(start, end) };
    }
    set(row, own);
  });
}
