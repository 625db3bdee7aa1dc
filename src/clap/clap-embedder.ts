import { join } from 'node:path';
import { embedSounds } from '../audio/encode-job.js';
import type { AudioInput, AudioStreamWindow, AudioWindows, PcmPiece } from '../audio/index.js';
import { checkAudioEncodeOptions, checkAudioStreamOptions } from '../audio/options.js';
import { finished, meanOfWindows, timedWindows } from '../audio/pool-windows.js';
import { embedStream } from '../audio/stream.js';
import { pickJoint } from '../clip/graphs.js';
import type { LogitScale } from '../clip/lane/protocol.js';
import type { ZeroShotOptions } from '../clip/options.js';
import { TwoTowers } from '../clip/two-towers.js';
import { checkZeroShot } from '../clip/zero-shot.js';
import { throwIfAborted } from '../core/abort.js';
import { requireMaker } from '../core/constructed.js';
import type { Embeddings } from '../core/embeddings.js';
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
import { DEFAULT_TOKEN_BUDGET, type Lane, type LaneHandle, openLane } from '../runtime/index.js';
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

/** What {@link ClapEmbedder.load} found out about a model. */
interface Model {
  id: string;
  config: ClapConfig;
  dimensions: number;
  logitScale: number | undefined;
}

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
export class ClapEmbedder extends TwoTowers {
  readonly #model: Model;

  private constructor(lane: Lane<unknown>, model: Model) {
    requireMaker('ClapEmbedder.load', lane);
    super(lane);
    this.#model = model;
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
      text,
      audio,
      joint: joint && join(folder, joint),
      features: config.features,
      tokenizer: config.tokenizer,
      tokenBudget: DEFAULT_TOKEN_BUDGET,
      session: runtime.session,
    };
    const { lane, loaded } = await openLane<ClapLoaded>(LANE, params, runtime.lanes, signal);
    return new ClapEmbedder(lane, { id, config, dimensions: loaded.dimensions, logitScale });
  }

  /** The path that the model was loaded from, or its id. */
  get modelId(): string {
    return this.#model.id;
  }

  /** Width of an embedding, of texts and of sounds. */
  get dimensions(): number {
    return this.#model.dimensions;
  }

  /** Longest text in tokens, special tokens included; longer texts are cut. */
  get maxTokens(): number {
    return this.#model.config.tokenizer.maxTokens;
  }

  /** Rate in Hz at which the model hears. */
  get sampleRate(): number {
    return this.#model.config.features.sampleRate;
  }

  /** Length of a window in seconds. */
  get windowSeconds(): number {
    return this.#model.config.features.windowSamples / this.sampleRate;
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
    const output = this.#model.config.features.fusion ? 'whole' : 'mean';
    const sounds = await embedSounds(this.lane, inputs, output, plan);
    return finished(meanOfWindows(sounds, this.dimensions), plan);
  }

  /** A vector for each window of each sound, with its place in time. Throws what {@link encodeAudio} throws. */
  async encodeAudioWindows(
    inputs: AudioInput | readonly AudioInput[],
    options?: ClapAudioOptions,
  ): Promise<AudioWindows[]> {
    const plan = this.#audioPlan(options);
    const sounds = await embedSounds(this.lane, inputs, 'mean', plan);
    return sounds.map((windows) => timedWindows(windows, this.dimensions, plan));
  }

  /** Embeds a stream of samples while it runs, as `AudioEmbedder.encodeStream`. */
  encodeAudioStream(
    samples: AsyncIterable<PcmPiece> | Iterable<PcmPiece>,
    options: ClapStreamOptions,
  ): AsyncGenerator<AudioStreamWindow, void, undefined> {
    return embedStream(
      this.lane,
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
    const results = await this.rank(this.encodeAudio(sounds, { signal, timeout }), plan, softmax);
    return Array.isArray(sounds) ? results : results[0];
  }

  protected async findScale(process: LaneHandle): Promise<LogitScale> {
    const { logitScale, config } = this.#model;
    if (logitScale !== undefined) return { scale: logitScale, bias: 0 };
    const found = (await process.call('scale', {})) as LogitScale | undefined;
    return found ?? { scale: config.initialScale, bias: 0 };
  }

  #audioPlan(options: ClapAudioOptions | undefined) {
    return checkAudioEncodeOptions(options, ['normalize'], this.windowSeconds);
  }
}

function towers(files: readonly string[], dtype: Dtype, where: string): [text: string, audio: string] {
  const pick = (stem: string) => pickOnnxFile(files, dtype, where, { stem });
  return [pick('text_model'), pick('audio_model')];
}
