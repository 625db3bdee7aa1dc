import { throwIfAborted } from '../../core/abort.js';
import { type AudioSource, checkPiece, openAudio } from '../decode/open.js';
import { audioError } from '../decode/pcm.js';
import { type AudioWindow, audioWindows, WindowCutter, type WindowOptions } from '../windows.js';
import { receiveAudio } from './pieces.js';
import type {
  CancelParams,
  EmbedParams,
  OpenStreamParams,
  PushStreamParams,
  StreamParams,
  WindowParams,
  WindowReport,
} from './protocol.js';

/** A model that takes sounds window by window. */
export interface WindowModel {
  sampleRate: number;
  /** Samples of a full window. */
  windowSamples: number;
  embed(samples: Float32Array, params: WindowParams): Promise<WindowRows>;
  /**
   * For models that take a sound of any length at once.
   *
   * @param read gives the sound in windows, from its beginning each time
   */
  prepareWhole?(read: () => AsyncIterable<AudioWindow>): Promise<PreparedSound>;
}

type WindowRows = Pick<WindowReport, 'frames' | 'data'>;

/** A sound that has been read. */
export interface PreparedSound {
  /** Its length in seconds. */
  end: number;
  embed(): Promise<WindowRows>;
}

interface Stream {
  params: OpenStreamParams;
  cutter: WindowCutter;
  received: number;
}

/** Sounds and streams of samples through one model, inside a lane. They take turns window by window. */
export class WindowedAudio {
  readonly #model: WindowModel;
  readonly #running = new Map<number, AbortController>();
  readonly #streams = new Map<number, Stream>();
  /** Each window keeps all threads busy: one after the other. */
  #queue: Promise<unknown> = Promise.resolve();

  constructor(model: WindowModel) {
    this.#model = model;
  }

  /** Embeds one sound, reporting each of its windows. */
  async embed(params: EmbedParams, report: (window: WindowReport) => void): Promise<void> {
    const source: AudioSource = receiveAudio(params.source);
    const stop = new AbortController();
    const { signal } = stop;
    this.#running.set(params.job, stop);
    const read = () => readWindows(source, this.#options(params), signal);
    try {
      if (params.output === 'whole') report(await this.#embedWhole(read));
      else for await (const window of read()) report(await this.#embed(window, params));
    } finally {
      this.#running.delete(params.job);
    }
  }

  cancel({ job }: CancelParams): void {
    this.#running.get(job)?.abort();
  }

  async openStream(params: OpenStreamParams): Promise<void> {
    const cutter = new WindowCutter(this.#options(params));
    this.#streams.set(params.stream, { params, cutter, received: 0 });
  }

  async pushStream({ stream, samples }: PushStreamParams): Promise<WindowReport[]> {
    const state = this.#streams.get(stream) as Stream;
    const piece = { samples, sampleRate: state.params.sampleRate };
    checkPiece(piece);
    state.received += samples.length;
    return this.#embedAll(state, state.cutter.push(piece));
  }

  async endStream({ stream }: StreamParams): Promise<WindowReport[]> {
    const state = this.#streams.get(stream) as Stream;
    this.#streams.delete(stream);
    if (state.received === 0) throw audioError('at least one sample', 'none');
    return this.#embedAll(state, state.cutter.end());
  }

  dropStream({ stream }: StreamParams): void {
    this.#streams.delete(stream);
  }

  async #embedAll({ params }: Stream, windows: AsyncIterable<AudioWindow>): Promise<WindowReport[]> {
    const reports: WindowReport[] = [];
    for await (const window of windows) reports.push(await this.#embed(window, params));
    return reports;
  }

  async #embed({ samples, start, end }: AudioWindow, params: WindowParams): Promise<WindowReport> {
    return { start, end, ...(await this.#inTurn(() => this.#model.embed(samples, params))) };
  }

  async #embedWhole(read: () => AsyncIterable<AudioWindow>): Promise<WindowReport> {
    const sound = await (this.#model as Required<WindowModel>).prepareWhole(read);
    return { start: 0, end: sound.end, ...(await this.#inTurn(() => sound.embed())) };
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#queue.then(work);
    this.#queue = done.catch(() => {});
    return done;
  }

  #options({ output, overlap, maxSeconds = Number.POSITIVE_INFINITY }: WindowParams): WindowOptions {
    const { sampleRate, windowSamples: size } = this.#model;
    return {
      sampleRate,
      size,
      overlap: output === 'whole' ? 0 : Math.round(overlap * sampleRate),
      most: Math.round(maxSeconds * sampleRate),
    };
  }
}

async function* readWindows(
  source: AudioSource,
  options: WindowOptions,
  signal: AbortSignal,
): AsyncGenerator<AudioWindow> {
  for await (const window of audioWindows(openAudio(source, { signal }), options)) {
    throwIfAborted(signal);
    yield window;
  }
}
