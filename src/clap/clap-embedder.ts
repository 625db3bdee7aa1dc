/// <reference lib="esnext.disposable" preserve="true" />
import { join } from 'node:path';
import { embedSounds } from '../audio/encode-job.js';
import type { AudioInput, AudioStreamWindow, AudioWindows, PcmPiece } from '../audio/index.js';
import { checkAudioEncodeOptions, checkAudioStreamOptions } from '../audio/options.js';
import { finished, meanOfWindows, timedWindows } from '../audio/pool-windows.js';
import { embedStream } from '../audio/stream.js';
import { pickJoint } from '../clip/graphs.js';
import type { LogitScale } from '../clip/lane/protocol.js';
import type { ClipTextOptions, ZeroShotOptions } from '../clip/options.js';
import { encodeTexts } from '../clip/text-job.js';
import { checkZeroShot, rankLabels } from '../clip/zero-shot.js';
import { throwIfAborted } from '../core/abort.js';
import type { Embeddings, Matrix, MatrixLike } from '../core/embeddings.js';
import {
  type Dtype,
  listModelFiles,
  loadRepairing,
  type ModelLocation,
  onnxModelFiles,
  pickOnnxFile,
  resolveModel,
} from '../hub/index.js';
import { type Classification, softmax } from '../image/classify.js';
import { DEFAULT_TOKEN_BUDGET, type Lane, openLane } from '../runtime/index.js';
import { similarity } from '../vectors/index.js';
import { type ClapConfig, readClapConfig } from './config.js';
import type { ClapLoaded, ClapLoadParams } from './lane/protocol.js';
import {
  type ClapAudioOptions,
  type ClapLoadOptions,
  type ClapStreamOptions,
  checkClapLoadOptions,
} from './options.js';

const LANE = new URL('./lane/main.js', import.meta.url);

/** What a label is put into unless the caller says otherwise: that of transformers' zero-shot pipeline for sounds. */
const TEMPLATE = 'This is a sound of {}.';

/**
 * Turns texts and sounds into vectors of one space, so that words find sounds: CLAP.
 *
 * Both towers live in one child process. An idle model does not keep the program alive.
 *
 * @example
 * const clap = await ClapEmbedder.load('Xenova/clap-htsat-unfused');
 * const sounds = await clap.encodeAudio(files, { normalize: true });
 * const hits = await topK(await clap.encodeText('a dog barks'), sounds, { k: 5 });
 * const [best] = await clap.classify('noise.wav', ['rain', 'traffic']);
 */
export class ClapEmbedder implements AsyncDisposable {
  readonly #lane: Lane<ClapLoaded>;
  readonly #id: string;
  readonly #config: ClapConfig;
  readonly #dimensions: number;
  #scale: Promise<number> | undefined;

  private constructor(lane: Lane<ClapLoaded>, id: string, config: ClapConfig, dimensions: number) {
    this.#lane = lane;
    this.#id = id;
    this.#config = config;
    this.#dimensions = dimensions;
  }

  /**
   * Loads a model whose repository has `text_model.onnx` and `audio_model.onnx`.
   *
   * @param model path of a folder (absolute, or starting with `./` or `../`), or `org/name` or `org/name@revision` on
   *   the Hugging Face Hub
   * @throws {EmbedlaneError} what `TextEmbedder.load` throws
   */
  static async load(model: string, options?: ClapLoadOptions): Promise<ClapEmbedder> {
    const settings = checkClapLoadOptions(options);
    const { dtype, hub, signal } = settings;
    throwIfAborted(signal);
    // A joint graph beside the towers is not downloaded: it is as large as both.
    const select = onnxModelFiles(({ name, files }) => towers(files, dtype, name));
    const location = await resolveModel(model, { select, hub, signal });
    return loadRepairing(location, () => ClapEmbedder.#open(location, settings));
  }

  static async #open(
    { id, folder }: ModelLocation,
    { dtype, runtime, signal, logitScale }: ReturnType<typeof checkClapLoadOptions>,
  ): Promise<ClapEmbedder> {
    const config = await readClapConfig(folder);
    const files = await listModelFiles(folder);
    const [text, audio] = towers(files, dtype, folder).map((file) => join(folder, file));
    const joint = pickJoint(files, dtype, folder);
    const params: ClapLoadParams = {
      ...{ text, audio, joint: joint && join(folder, joint) },
      features: config.features,
      tokenizer: config.tokenizer,
      tokenBudget: DEFAULT_TOKEN_BUDGET,
      session: runtime.session,
    };
    const { lane, loaded } = await openLane<ClapLoaded>(LANE, params, runtime.lanes, signal);
    const embedder = new ClapEmbedder(lane, id, config, loaded.dimensions);
    if (logitScale !== undefined) embedder.#scale = Promise.resolve(logitScale);
    return embedder;
  }

  /** The path that the model was loaded from, or its id. */
  get modelId(): string {
    return this.#id;
  }

  /** Width of an embedding, of texts and of sounds. */
  get dimensions(): number {
    return this.#dimensions;
  }

  /** Longest text in tokens, special tokens included; longer texts are cut. */
  get maxTokens(): number {
    return this.#config.tokenizer.maxTokens;
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
   * Embeds texts.
   *
   * @returns one row per text, in the order of the texts
   * @throws {EmbedlaneError} `ERR_INVALID_ARG`, `ERR_ABORTED`, `ERR_CLOSED`, `ERR_MODEL_INVALID`, `ERR_RUNTIME`
   */
  async encodeText(texts: string | readonly string[], options?: ClipTextOptions): Promise<Embeddings> {
    return encodeTexts(this.#lane, texts, options, this.dimensions);
  }

  /**
   * Embeds sounds, given as for `AudioEmbedder.encode`. One that is longer than a window is the mean of its windows; a
   * model with fusion takes all of it at once, and three parts of it from fixed places where transformers' are random.
   *
   * @returns one row per sound, in their order
   * @throws {EmbedlaneError} `ERR_AUDIO` naming the sound that cannot be used; and as {@link encodeText}
   */
  async encodeAudio(
    inputs: AudioInput | readonly AudioInput[],
    options?: ClapAudioOptions,
  ): Promise<Embeddings> {
    const plan = this.#audioPlan(options);
    const output = this.#config.features.fusion ? 'whole' : 'mean';
    const sounds = await embedSounds(this.#lane, inputs, output, plan);
    return finished(meanOfWindows(sounds, this.dimensions), plan);
  }

  /** A vector for each window of each sound, with its place in time. Throws what {@link encodeAudio} throws. */
  async encodeAudioWindows(
    inputs: AudioInput | readonly AudioInput[],
    options?: ClapAudioOptions,
  ): Promise<AudioWindows[]> {
    const plan = this.#audioPlan(options);
    const sounds = await embedSounds(this.#lane, inputs, 'mean', plan);
    return sounds.map((windows) => timedWindows(windows, this.dimensions, plan));
  }

  /** Embeds a stream of samples while it runs, as `AudioEmbedder.encodeStream`. */
  encodeAudioStream(
    samples: AsyncIterable<PcmPiece> | Iterable<PcmPiece>,
    options: ClapStreamOptions,
  ): AsyncGenerator<AudioStreamWindow, void, undefined> {
    return embedStream(
      this.#lane,
      samples,
      checkAudioStreamOptions(options, ['normalize'], this.windowSeconds),
    );
  }

  /**
   * Says which of some labels fits a sound best, without any training for them (zero-shot classification).
   *
   * @param labels nouns, as a rule; they are put into the templates
   * @returns every label with its probability, best first. One list for one sound, a list of lists for an array
   * @throws {EmbedlaneError} as {@link encodeAudio}
   */
  async classify(
    sounds: readonly AudioInput[],
    labels: readonly string[],
    options?: ZeroShotOptions,
  ): Promise<Classification[][]>;
  async classify(
    sound: AudioInput,
    labels: readonly string[],
    options?: ZeroShotOptions,
  ): Promise<Classification[]>;
  async classify(
    sounds: AudioInput | readonly AudioInput[],
    labels: readonly string[],
    options?: ZeroShotOptions,
  ): Promise<Classification[] | Classification[][]> {
    const plan = checkZeroShot(labels, options, TEMPLATE);
    const { signal, timeout } = plan;
    const [heard, texts, scale] = await Promise.all([
      this.encodeAudio(sounds, { signal, timeout }),
      this.encodeText(plan.prompts, { normalize: true, signal, timeout }),
      this.#logitScale(),
    ]);
    const results = rankLabels(plan, heard, texts, { scale, bias: 0 }, softmax);
    return Array.isArray(sounds) ? results : results[0];
  }

  /** Cosine similarity of every row of `a` with every row of `b`. */
  similarity(a: MatrixLike, b: MatrixLike): Matrix {
    return similarity(a, b, { metric: 'cosine' });
  }

  /** Ends the model's process. Calls in progress reject with `ERR_CLOSED`, as do later ones. */
  async close(): Promise<void> {
    await this.#lane.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Found out when it is first needed, and once. */
  #logitScale(): Promise<number> {
    this.#scale ??= this.#lane
      .run((process) => process.call('scale', {}) as Promise<LogitScale | undefined>)
      .then((found) => found?.scale ?? this.#config.initialScale);
    this.#scale.catch(() => {
      this.#scale = undefined;
    });
    return this.#scale;
  }

  #audioPlan(options: ClapAudioOptions | undefined) {
    return checkAudioEncodeOptions(options, ['normalize'], this.windowSeconds);
  }
}

function towers(files: readonly string[], dtype: Dtype, where: string): [text: string, audio: string] {
  const pick = (stem: string) => pickOnnxFile(files, dtype, where, { stem });
  return [pick('text_model'), pick('audio_model')];
}
