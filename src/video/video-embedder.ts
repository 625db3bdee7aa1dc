/// <reference lib="esnext.disposable" preserve="true" />

import { ClipEmbedder } from '../clip/index.js';
import { throwIfAborted } from '../core/abort.js';
import { requireMaker } from '../core/constructed.js';
import { Embeddings } from '../core/embeddings.js';
import { EmbedlaneError, invalidArgument, withCallerStack } from '../core/errors.js';
import { requireOptions, textList } from '../core/validate.js';
import { type Classification, ranked, softmax } from '../image/classify.js';
import { ImageEmbedder } from '../image/index.js';
import type { FfmpegReading } from '../runtime/ffmpeg.js';
import { normalize, topK } from '../vectors/index.js';
import { embedFrames } from './embed-frames.js';
import { type FrameModel, frameModel } from './frame-model.js';
import { videoModelKind } from './model-kind.js';
import {
  checkVideoLoadOptions,
  checkVideoOptions,
  checkVideoSearchOptions,
  type VideoEncodeOptions,
  type VideoInput,
  type VideoLoadOptions,
  type VideoPlan,
  type VideoSearchOptions,
  type VideoSource,
  type VideoVectorOptions,
  videoList,
} from './options.js';
import { Perceiver, type TimedStates } from './perceiver/perceiver.js';
import { type FrameRows, poolFrames, repeatRows, stacked } from './pool-frames.js';

/** Vectors of the frames of one film, in order; of its clips for the Perceiver. */
export interface VideoFrames {
  /** One row per frame. */
  embeddings: Embeddings;
  /** Seconds from the beginning of the film, one for each row. */
  times: number[];
}

/** A place in a film that fits a question. */
export interface VideoMoment {
  /** Index of the film among those that were searched. */
  video: number;
  /** Row of the frame in that film's embeddings. */
  frame: number;
  /** Seconds from the beginning of the film. */
  time: number;
  /** Cosine of the frame and the question. */
  score: number;
}

/** Options of `classify`. */
export interface VideoClassifyOptions extends Pick<VideoEncodeOptions, 'every' | 'signal' | 'onProgress'> {
  /** How many labels to return. Default 5. */
  topK?: number;
}

/**
 * Turns films into vectors: frames are taken by ffmpeg and embedded by any model of pictures or by CLIP, which also
 * finds moments by words; or clips with their sound go through the multimodal Perceiver.
 *
 * @example
 * const model = await VideoEmbedder.load('openai/clip-vit-base-patch32');
 * const vectors = await model.encode(['cats.mp4', 'cars.webm'], { frames: { count: 16 }, normalize: true });
 * const films = await model.encodeFrames('holiday.mp4', { frames: { fps: 1 } });
 * const [[best]] = await model.search('a dog jumps into a lake', films);
 * console.log(best.time);
 */
export class VideoEmbedder implements AsyncDisposable {
  readonly #model: FrameModel | Perceiver;
  readonly #patience: number | undefined;
  /** Ends what ffmpeg does. */
  readonly #closing = new AbortController();
  readonly #running = new Set<Promise<unknown>>();

  private constructor(model: FrameModel | Perceiver, patience: number | undefined) {
    requireMaker('VideoEmbedder.load', model);
    this.#model = model;
    this.#patience = patience;
  }

  /**
   * Loads a model, or takes one that is loaded.
   *
   * @param model what `ImageEmbedder.load` or `ClipEmbedder.load` takes; a multimodal Perceiver with an ONNX graph of
   *   inputs `image`, `audio` and `label`; or an `ImageEmbedder` or `ClipEmbedder`, which stays open when this is closed
   * @throws {EmbedlaneError} what `ImageEmbedder.load` throws
   */
  static async load(
    model: string | ImageEmbedder | ClipEmbedder,
    options?: VideoLoadOptions,
  ): Promise<VideoEmbedder> {
    const settings = checkVideoLoadOptions(options);
    const { patience, signal, hub, imageModelOptions } = settings;
    if (model instanceof ImageEmbedder || model instanceof ClipEmbedder) {
      return new VideoEmbedder(frameModel(model, false), patience);
    }
    if (typeof model !== 'string') {
      throw invalidArgument('model', 'an id, a path, an ImageEmbedder or a ClipEmbedder', model);
    }
    throwIfAborted(signal);
    const kind = await videoModelKind(model, hub, signal);
    if (kind === 'perceiver') return new VideoEmbedder(await Perceiver.load(model, settings), patience);
    const loader = kind === 'clip' ? ClipEmbedder : ImageEmbedder;
    const loaded = await loader.load(model, imageModelOptions);
    return new VideoEmbedder(frameModel(loaded, true), patience);
  }

  /** Path that the model was loaded from, or its id. */
  get modelId(): string {
    return this.#model.modelId;
  }

  /** Width of an embedding. */
  get dimensions(): number {
    return this.#model instanceof Perceiver ? this.#model.loaded.dimensions : this.#model.dimensions;
  }

  /** Whether the model takes single frames, or clips with their sound (Perceiver). */
  get kind(): 'frames' | 'clips' {
    return this.#model instanceof Perceiver ? 'clips' : 'frames';
  }

  /** Whether {@link encodeText} and {@link search} work: with CLIP and its kin. */
  get knowsWords(): boolean {
    return !(this.#model instanceof Perceiver) && this.#model.encodeText !== undefined;
  }

  /**
   * One vector per film: the mean of its frames' vectors; for the Perceiver, the mean of its clips' latents.
   *
   * @throws {EmbedlaneError} `ERR_VIDEO` naming the film that cannot be used; `ERR_INVALID_ARG`, `ERR_ABORTED`,
   *   `ERR_CLOSED`, `ERR_MODEL_INVALID`, `ERR_RUNTIME`
   */
  async encode(
    inputs: VideoInput | readonly VideoInput[],
    options?: VideoVectorOptions,
  ): Promise<Embeddings> {
    const plan = checkVideoOptions(options, ['pooling', 'normalizeFrames'], this.kind);
    const films = await this.#embed(inputs, plan);
    const dims = this.dimensions;
    const data = new Float32Array(films.length * dims);
    films.forEach((film, i) => {
      data.set(poolFrames(film, plan.pooling, plan.normalizeFrames), i * dims);
    });
    return finished(new Embeddings(data, films.length, dims), plan);
  }

  /** A vector for each frame, with its time; for the Perceiver, for each clip. Throws what {@link encode} throws. */
  async encodeFrames(
    inputs: VideoInput | readonly VideoInput[],
    options?: VideoEncodeOptions,
  ): Promise<VideoFrames[]> {
    const plan = checkVideoOptions(options, [], this.kind);
    return (await this.#embed(inputs, plan)).map((film) => {
      const { matrix, times } = repeatRows(film);
      return { embeddings: finished(matrix, plan), times };
    });
  }

  /**
   * The Perceiver's latents of each film, all those of its first clip, then those of the second, …
   *
   * @throws {EmbedlaneError} what {@link encode} throws, and `ERR_INVALID_ARG` for another model
   */
  async encodeLatents(
    inputs: VideoInput | readonly VideoInput[],
    options?: Omit<VideoEncodeOptions, 'frames'>,
  ): Promise<Embeddings[]> {
    const plan = checkVideoOptions(options, [], 'clips');
    const films = await this.#states('encodeLatents', inputs, plan);
    const dims = this.dimensions;
    return films.map((clips) => {
      const parts = clips.map(({ latents }) => new Embeddings(latents, latents.length / dims, dims));
      return finished(stacked(parts, dims), plan);
    });
  }

  /**
   * Says what films show, for a Perceiver that was trained to: the probabilities of its labels, averaged over the clips.
   *
   * @returns a list for each film, best first
   * @throws {EmbedlaneError} what {@link encode} throws, `ERR_INVALID_ARG` for another model, and `ERR_MODEL_INVALID`
   *   if the graph tells no classes apart
   */
  async classify(
    inputs: VideoInput | readonly VideoInput[],
    options: VideoClassifyOptions = {},
  ): Promise<Classification[][]> {
    requireOptions('options', options);
    const { topK = 5, ...rest } = options;
    const plan = checkVideoOptions(rest, [], 'clips');
    const { labels, classes } = this.#model instanceof Perceiver ? this.#labels(this.#model) : NO_LABELS;
    const films = await this.#states('classify', inputs, plan);
    if (classes === 0) {
      throw new EmbedlaneError(
        'ERR_MODEL_INVALID',
        "Expected a graph with an output 'label_logits' but it has none",
      );
    }
    return films.map((clips) => {
      const mean = new Float64Array(classes);
      for (const { logits } of clips) {
        softmax(logits).forEach((probability, label) => {
          mean[label] += probability / clips.length;
        });
      }
      return ranked(mean, labels, topK);
    });
  }

  /**
   * Embeds words in the space of the frames.
   *
   * @throws {EmbedlaneError} `ERR_INVALID_ARG` for a model that knows no words; what `ClipEmbedder.encodeText` throws
   */
  encodeText(...args: Parameters<ClipEmbedder['encodeText']>): Promise<Embeddings> {
    const encode = this.#model instanceof Perceiver ? undefined : this.#model.encodeText;
    if (encode) return encode(...args);
    return Promise.reject(
      new EmbedlaneError(
        'ERR_INVALID_ARG',
        `Expected a CLIP model for words but received ${this.modelId}, which knows none`,
      ),
    );
  }

  /**
   * Finds the moments of films that fit words, among the frames that were embedded.
   *
   * @param questions one text or several
   * @param videos what {@link encodeFrames} gave
   * @returns for each question its moments, best first; ties by the order of the frames
   * @throws {EmbedlaneError} what {@link encodeText} throws; `ERR_DIMENSION` for frames of another model
   */
  async search(
    questions: string | readonly string[],
    videos: VideoFrames | readonly VideoFrames[],
    options?: VideoSearchOptions,
  ): Promise<VideoMoment[][]> {
    const texts = textList('questions', questions);
    const { k, signal } = checkVideoSearchOptions(options);
    const films = (Array.isArray(videos) ? videos : [videos]) as VideoFrames[];
    const places = Array.from(films).flatMap((film: Partial<VideoFrames> | null | undefined, video) => {
      const { embeddings, times } = film ?? {};
      if (!(embeddings instanceof Embeddings) || !times || embeddings.rows !== times.length) {
        throw invalidArgument(`videos[${video}]`, 'what encodeFrames gave', film);
      }
      if (embeddings.dims !== this.dimensions) {
        throw invalidArgument(
          `videos[${video}]`,
          `frames of ${this.dimensions} dimensions`,
          embeddings,
          'ERR_DIMENSION',
        );
      }
      return times.map((time, frame) => ({ video, frame, time }));
    });
    const queries = await this.encodeText(texts, { signal });
    const corpus = stacked(
      films.map(({ embeddings }) => embeddings),
      this.dimensions,
    );
    const found = await topK(queries, corpus, {
      k: Math.min(k, Math.max(1, corpus.rows)),
      metric: 'cosine',
      signal,
    });
    return texts.map((_, row) => found.get(row).map(({ index, score }) => ({ ...places[index], score })));
  }

  /**
   * Ends the model's process, unless the model was given as an object, and every ffmpeg. Calls in progress reject with
   * `ERR_CLOSED`, as do later ones.
   */
  async close(): Promise<void> {
    this.#closing.abort(closedError());
    await this.#model.close();
    await Promise.allSettled(this.#running);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #labels({ config, loaded }: Perceiver) {
    return { labels: config.labels, classes: loaded.classes };
  }

  #embed(inputs: VideoInput | readonly VideoInput[], plan: VideoPlan): Promise<FrameRows[]> {
    const model = this.#model;
    if (!(model instanceof Perceiver)) {
      return this.#each(inputs, plan, (source, reading) => embedFrames(model, source, plan, reading));
    }
    return this.#each(inputs, plan, async (source, reading) =>
      clipRows(await all(model, source, plan, reading), this.dimensions),
    );
  }

  #states(
    call: string,
    inputs: VideoInput | readonly VideoInput[],
    plan: VideoPlan,
  ): Promise<TimedStates[][]> {
    const model = this.#model;
    if (model instanceof Perceiver) {
      return this.#each(inputs, plan, (source, reading) => all(model, source, plan, reading));
    }
    throw new EmbedlaneError(
      'ERR_INVALID_ARG',
      `Expected a Perceiver for ${call} but received ${this.modelId}`,
    );
  }

  async #each<T>(
    inputs: VideoInput | readonly VideoInput[],
    { signal, onProgress }: VideoPlan,
    embed: (source: VideoSource, reading: FfmpegReading) => Promise<T>,
  ): Promise<T[]> {
    const sources = videoList(inputs);
    const closing = this.#closing.signal;
    throwIfAborted(closing);
    const reading = {
      signal: signal ? AbortSignal.any([signal, closing]) : closing,
      patience: this.#patience,
    };
    const results: T[] = [];
    for (const [i, source] of sources.entries()) {
      throwIfAborted(signal);
      const work = embed(source, reading);
      this.#running.add(work);
      try {
        results.push(await work);
      } catch (error) {
        throw withCallerStack(named(error, typeof source === 'string' ? source : `inputs[${i}]`));
      } finally {
        this.#running.delete(work);
      }
      onProgress?.({ completed: i + 1, total: sources.length });
    }
    return results;
  }
}

function closedError(): EmbedlaneError {
  return new EmbedlaneError('ERR_CLOSED', 'Expected an open model but it has been closed');
}

const NO_LABELS = { labels: [] as string[], classes: 0 };

async function all(
  model: Perceiver,
  source: VideoSource,
  { every }: VideoPlan,
  reading: FfmpegReading,
): Promise<TimedStates[]> {
  const clips: TimedStates[] = [];
  for await (const clip of model.embed(source, every, reading)) clips.push(clip);
  return clips;
}

/** A clip's vector is the mean of its latents. */
function clipRows(clips: readonly TimedStates[], dims: number): FrameRows {
  const data = new Float32Array(clips.length * dims);
  clips.forEach(({ latents }, row) => {
    const counts = Array.from({ length: latents.length / dims }, () => 1);
    data.set(poolFrames({ data: latents, dims, times: [], counts }, 'mean', false), row * dims);
  });
  return { data, dims, times: clips.map(({ time }) => time), counts: clips.map(() => 1) };
}

function finished(embeddings: Embeddings, { normalize: wanted }: VideoPlan): Embeddings {
  return wanted ? normalize(embeddings) : embeddings;
}

/** Says which film of a list an error is about. */
function named(error: unknown, name: string): unknown {
  if (!(error instanceof EmbedlaneError) || error.code !== 'ERR_VIDEO') return error;
  const message = error.message.replace(' but received ', ` for ${name} but received `);
  return new EmbedlaneError(error.code, message, { cause: error.cause ?? error });
}
