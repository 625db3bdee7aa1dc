import { availableParallelism } from 'node:os';
import { abortError, throwIfAborted } from '../../core/abort.js';
import {
  chooseOnnxFile,
  loadRepairing,
  onnxModelFiles,
  pickOnnxFile,
  resolveModel,
} from '../../hub/index.js';
import { checkImages } from '../../image/input/source.js';
import { checkReading } from '../../image/options.js';
import { dropImages, sendImages } from '../../image/send-images.js';
import type { FfmpegReading } from '../../runtime/ffmpeg.js';
import { type Lane, type LaneHandle, openLane } from '../../runtime/index.js';
import type { checkVideoLoadOptions, VideoSource } from '../options.js';
import { type Clip, readClips } from './clips.js';
import { type PerceiverConfig, readPerceiverConfig } from './config.js';
import type { ClipStates, EmbedParams, Loaded, LoadParams } from './lane/protocol.js';

const LANE = new URL('./lane/main.js', import.meta.url);
const MAX_WORKERS = 4;

let nextJob = 0;

/** A clip's states, and the second at which it begins. */
export interface TimedStates extends ClipStates {
  time: number;
}

/** A multimodal Perceiver in a child process. */
export class Perceiver {
  readonly modelId: string;
  readonly config: PerceiverConfig;
  readonly loaded: Loaded;
  readonly #lane: Lane<Loaded>;

  private constructor(modelId: string, config: PerceiverConfig, lane: Lane<Loaded>, loaded: Loaded) {
    this.modelId = modelId;
    this.config = config;
    this.#lane = lane;
    this.loaded = loaded;
  }

  static async load(model: string, settings: ReturnType<typeof checkVideoLoadOptions>): Promise<Perceiver> {
    const { dtype, hub, signal } = settings;
    const select = onnxModelFiles(({ name, files }) => pickOnnxFile(files, dtype, name));
    const location = await resolveModel(model, { select, hub, signal });
    return loadRepairing(location, async () => {
      const config = await readPerceiverConfig(location.folder);
      const { session, lanes } = settings.runtime;
      const { decode, heightFirst } = checkReading({});
      const params: LoadParams = {
        modelFile: await chooseOnnxFile(location.folder, dtype),
        preparation: { preprocessing: config.preprocessing, decode, heightFirst },
        frames: config.frames,
        audioSamples: config.audioSamples,
        session,
        workers: Math.min(MAX_WORKERS, session.threads || availableParallelism()),
      };
      const { lane, loaded } = await openLane<Loaded>(LANE, params, lanes, signal);
      return new Perceiver(location.id, config, lane, loaded);
    });
  }

  get closed(): boolean {
    return this.#lane.closed;
  }

  /** States of each clip of a film. */
  async *embed(
    source: VideoSource,
    every: number | undefined,
    reading: FfmpegReading,
  ): AsyncGenerator<TimedStates> {
    for await (const clip of readClips(source, this.config, every, reading)) {
      yield { ...(await this.#embedClip(clip, reading.signal)), time: clip.time };
    }
  }

  close(): Promise<void> {
    return this.#lane.close();
  }

  async #embedClip({ frames, audio }: Clip, signal: AbortSignal | undefined): Promise<ClipStates> {
    throwIfAborted(signal);
    const job = nextJob++;
    const sources = checkImages('frames', frames, checkReading({}).decode);
    let onAbort: () => void = () => {};
    const aborted = new Promise<never>((_, reject) => {
      onAbort = () => {
        this.#lane.note('cancel', { job });
        reject(abortError(signal as AbortSignal));
      };
    });
    signal?.addEventListener('abort', onAbort, { once: true });
    const work = async (process: LaneHandle): Promise<ClipStates> => {
      const sent = await sendImages(process, sources);
      if (sent.failures.length > 0 || signal?.aborted) {
        dropImages(process, sent);
        throw sent.failures[0]?.error ?? abortError(signal as AbortSignal);
      }
      const params: EmbedParams = { job, images: sent.images, audio };
      return (await process.call('embed', params)) as ClipStates;
    };
    try {
      return await Promise.race([this.#lane.run(work), aborted]);
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }
}
