/// <reference lib="esnext.disposable" preserve="true" />

import { throwIfAborted } from '../core/abort.js';
import { requireMaker } from '../core/constructed.js';
import type { Embeddings } from '../core/embeddings.js';
import { EmbedlaneError } from '../core/errors.js';
import {
  chooseOnnxFile,
  loadRepairing,
  type ModelLocation,
  onnxModelFiles,
  pickOnnxFile,
  resolveConverted,
} from '../hub/index.js';
import { type Lane, openLane } from '../runtime/index.js';
import { type AudioModelConfig, readAudioModelConfig } from './config.js';
import { embedSounds } from './encode-job.js';
import type { Loaded, LoadParams } from './lane/protocol.js';
import {
  type AudioDecoderOptions,
  type AudioEncodeOptions,
  type AudioInput,
  type AudioLoadOptions,
  type AudioPlan,
  type AudioStreamOptions,
  type AudioVectorOptions,
  checkAudioEncodeOptions,
  checkAudioLoadOptions,
  checkAudioStreamOptions,
  type PcmPiece,
} from './options.js';
import { type AudioWindows, finished, joinWindows, meanOfWindows, timedWindows } from './pool-windows.js';
import { type AudioStreamWindow, embedStream } from './stream.js';

const LANE = new URL('./lane/main.js', import.meta.url);

const ENCODER = { stem: 'encoder_model' };
const DECODER = { stem: 'decoder_model' };

type LoadSettings = ReturnType<typeof checkAudioLoadOptions>;

/**
 * Turns sounds into vectors with a Whisper model's encoder, with the numbers of transformers.
 *
 * Decoding, log-mel features and inference happen in a child process: no call blocks the event loop. Sounds of any
 * length are taken in windows of 30 s with bounded memory.
 *
 * @example
 * const model = await AudioEmbedder.load('openai/whisper-base');
 * const vectors = await model.encode(['hello.wav', 'music.mp3'], { normalize: true });
 * await model.close();
 */
export class AudioEmbedder {
  readonly #lane: Lane<Loaded>;
  readonly #id: string;
  readonly #config: AudioModelConfig;
  readonly #dimensions: number;
  readonly #decoder: boolean;

  private constructor(
    lane: Lane<Loaded>,
    id: string,
    config: AudioModelConfig,
    loaded: Loaded,
    decoder: boolean,
  ) {
    requireMaker('AudioEmbedder.load', lane);
    this.#lane = lane;
    this.#id = id;
    this.#config = config;
    this.#dimensions = loaded.dimensions;
    this.#decoder = decoder;
  }

  /**
   * Loads a Whisper model: `encoder_model.onnx` and, with `decoder: true`, `decoder_model.onnx`.
   *
   * @param model path of a folder (absolute, or starting with `./` or `../`), or `org/name` or `org/name@revision` on
   *   the Hugging Face Hub; for OpenAI's names up to `openai/whisper-medium`, whose repositories have no graphs, those
   *   that the makers of transformers.js converted
   * @throws {EmbedlaneError} what `TextEmbedder.load` throws
   */
  static async load(model: string, options?: AudioLoadOptions): Promise<AudioEmbedder> {
    const settings = checkAudioLoadOptions(options, 'decoder');
    const { dtype, decoder, hub, signal } = settings;
    throwIfAborted(signal);
    const select = onnxModelFiles(({ name, files }) =>
      [ENCODER, ...(decoder ? [DECODER] : [])].map((graph) => pickOnnxFile(files, dtype, name, graph)),
    );
    const location = await resolveConverted(model, { select, hub, signal });
    return loadRepairing(location, () => AudioEmbedder.#open(location, settings));
  }

  static async #open({ id, folder }: ModelLocation, settings: LoadSettings): Promise<AudioEmbedder> {
    const { dtype, decoder, runtime, signal } = settings;
    const config = await readAudioModelConfig(folder);
    const params: LoadParams = {
      encoderFile: await chooseOnnxFile(folder, dtype, ENCODER),
      decoderFile: decoder ? await chooseOnnxFile(folder, dtype, DECODER) : undefined,
      features: config.features,
      session: runtime.session,
    };
    const { lane, loaded } = await openLane<Loaded>(LANE, params, runtime.lanes, signal);
    return new AudioEmbedder(lane, id, config, loaded, decoder);
  }

  /** Path that the model was loaded from, or `org/name` with any `@revision`. */
  get modelId(): string {
    return this.#id;
  }

  /** Width of an embedding. */
  get dimensions(): number {
    return this.#dimensions;
  }

  /** Rate in Hz at which the model hears. */
  get sampleRate(): number {
    return this.#config.features.sampleRate;
  }

  /** Length of a window in seconds. */
  get windowSeconds(): number {
    return this.#config.features.windowSamples / this.sampleRate;
  }

  /**
   * One vector per sound: the mean of the encoder's states over the frames that have sound in them.
   *
   * @throws {EmbedlaneError} `ERR_INVALID_ARG`; `ERR_AUDIO` naming the sound that cannot be used; `ERR_IO`,
   *   `ERR_ABORTED`, `ERR_CLOSED`, `ERR_MODEL_INVALID`, `ERR_RUNTIME`
   */
  async encode(
    inputs: AudioInput | readonly AudioInput[],
    options?: AudioVectorOptions,
  ): Promise<Embeddings> {
    const plan = this.#plan(options, ['normalize']);
    const sounds = await embedSounds(this.#lane, inputs, 'mean', plan);
    return finished(meanOfWindows(sounds, this.#dimensions), plan);
  }

  /** A vector for each window of each sound, with its place in time. Throws what {@link encode} throws. */
  async encodeWindows(
    inputs: AudioInput | readonly AudioInput[],
    options?: AudioVectorOptions,
  ): Promise<AudioWindows[]> {
    const plan = this.#plan(options, ['normalize']);
    const sounds = await embedSounds(this.#lane, inputs, 'mean', plan);
    return sounds.map((windows) => timedWindows(windows, this.#dimensions, plan));
  }

  /**
   * Embeds a stream of samples while it runs: each window as soon as it is full, the last with the stream's end. Memory
   * is that of one window; the stream is read no faster than the model hears it. Leaving the loop ends the work.
   *
   * @param samples pieces of any lengths: `Float32Array` in [-1, 1], `Int16Array`, or bytes of `format`
   * @throws {EmbedlaneError} what {@link encode} throws; `ERR_RUNTIME` if the child process dies, because what it has
   *   heard is gone
   */
  encodeStream(
    samples: AsyncIterable<PcmPiece> | Iterable<PcmPiece>,
    options: AudioStreamOptions,
  ): AsyncGenerator<AudioStreamWindow, void, undefined> {
    const plan = checkAudioStreamOptions(options, ['normalize', 'padding'], this.windowSeconds);
    return embedStream(this.#lane, samples, plan);
  }

  /**
   * The encoder's states of each sound, one row per frame of 20 ms. Throws what {@link encode} throws.
   */
  async encodeFrames(
    inputs: AudioInput | readonly AudioInput[],
    options?: AudioEncodeOptions,
  ): Promise<Embeddings[]> {
    const sounds = await embedSounds(this.#lane, inputs, 'frames', this.#plan(options, []));
    return sounds.map((windows) => joinWindows(windows, this.#dimensions));
  }

  /**
   * The decoder's states of each sound's first window, one row per start token: `WhisperModel(features,
   * decoder_input_ids).last_hidden_state` of transformers. Throws what {@link encode} throws.
   */
  async encodeDecoder(
    inputs: AudioInput | readonly AudioInput[],
    options?: AudioDecoderOptions,
  ): Promise<Embeddings[]> {
    const plan = this.#plan(options, ['decoderInputIds']);
    if (!this.#decoder) {
      throw new EmbedlaneError(
        'ERR_INVALID_ARG',
        'Expected a model that was loaded with { decoder: true } for encodeDecoder but received one without',
      );
    }
    const start = this.#config.decoderStartTokenId;
    if (plan.decoderInputIds.length === 0) plan.decoderInputIds = [start, start];
    plan.maxSeconds = Math.min(plan.maxSeconds ?? this.windowSeconds, this.windowSeconds);
    const sounds = await embedSounds(this.#lane, inputs, 'decoder', plan);
    return sounds.map((windows) => joinWindows(windows, this.#dimensions));
  }

  /** Ends the child process. Calls in progress reject with `ERR_CLOSED`; closing twice is fine. */
  close(): Promise<void> {
    return this.#lane.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #plan(
    options: (AudioVectorOptions & AudioDecoderOptions) | undefined,
    more: readonly ('normalize' | 'decoderInputIds')[],
  ): AudioPlan {
    return checkAudioEncodeOptions(options, ['padding', ...more], this.windowSeconds);
  }
}
