import { join } from 'node:path';
import { throwIfAborted } from '../core/abort.js';
import { requireMaker } from '../core/constructed.js';
import { EmbedlaneError, withCallerStack } from '../core/errors.js';
import { listModelFiles, loadRepairing, type ModelLocation } from '../hub/index.js';
import { type Classification, softmax } from '../image/classify.js';
import { readPreprocessing } from '../image/config/preprocessor.js';
import type { DecodeSettings } from '../image/decode/settings.js';
import { ImageJob } from '../image/encode-job.js';
import { ImageEmbeddings } from '../image/image-embeddings.js';
import { checkImage, checkImages, type ImageInput } from '../image/input/source.js';
import {
  checkImageEncodeOptions,
  type ImageEncodeOptions,
  type ImageEncodeStreamOptions,
} from '../image/options.js';
import { encodeImageStream } from '../image/stream.js';
import { DEFAULT_TOKEN_BUDGET, type Lane, type LaneHandle, openLane } from '../runtime/index.js';
import { type ClipConfig, readClipConfig } from './config.js';
import { pickClipGraphs } from './graphs.js';
import type { ClipLoaded, ClipLoadParams, LogitScale } from './lane/protocol.js';
import { type ClipLoadOptions, checkClipLoadOptions, type ZeroShotOptions } from './options.js';
import { resolveClip } from './repository.js';
import { TwoTowers } from './two-towers.js';
import { checkZeroShot, DEFAULT_TEMPLATE, sigmoid, unknownScale } from './zero-shot.js';

const LANE = new URL('./lane/main.js', import.meta.url);

/** The logit scale at which the training of all of OpenAI's CLIP models ended, its upper limit. */
const OPENAI_SCALE = 100;

/** What {@link ClipEmbedder.load} found out about a model. */
interface Model {
  id: string;
  config: ClipConfig;
  decode: DecodeSettings;
  dimensions: number;
  logit: LogitScale | undefined;
}

/**
 * Turns texts and pictures into vectors of one space, so that words find pictures: CLIP and SigLIP.
 *
 * Both towers live in one child process. An idle model does not keep the program alive.
 *
 * @example
 * const clip = await ClipEmbedder.load('openai/clip-vit-base-patch32');
 * const pictures = await clip.encodeImage(files, { normalize: true });
 * const hits = await topK(await clip.encodeText('a red car'), pictures, { k: 5 });
 * const [best] = await clip.classify('photo.jpg', ['a cat', 'a dog']);
 */
export class ClipEmbedder extends TwoTowers {
  readonly #model: Model;

  private constructor(lane: Lane<unknown>, model: Model) {
    requireMaker('ClipEmbedder.load', lane);
    super(lane);
    this.#model = model;
  }

  /**
   * Loads a model whose repository has `text_model.onnx` and `vision_model.onnx`, or a joint `model.onnx`.
   *
   * @param model path of a folder (absolute, or starting with `./` or `../`), or `org/name` or
   *   `org/name@revision` on the Hugging Face Hub. OpenAI's own repositories have no ONNX graphs; for their three
   *   usual models those of Xenova's conversions are taken
   * @throws {EmbedlaneError} as `ImageEmbedder.load`; `ERR_MODEL_INVALID` if the model is not of texts and pictures
   */
  static async load(model: string, options?: ClipLoadOptions): Promise<ClipEmbedder> {
    const settings = checkClipLoadOptions(options);
    const { dtype, hub, signal } = settings;
    throwIfAborted(signal);
    const location = await resolveClip(model, dtype, hub, signal);
    return loadRepairing(location, () => ClipEmbedder.#open(location, settings));
  }

  static async #open(
    { id, folder }: ModelLocation,
    settings: ReturnType<typeof checkClipLoadOptions>,
  ): Promise<ClipEmbedder> {
    const { signal, dtype, hub: _, logit, lanes, ...image } = settings;
    const config = await readClipConfig(folder);
    const preprocessing = await readPreprocessing(folder);
    const graphs = pickClipGraphs(await listModelFiles(folder), dtype, folder);
    const path = (file: string | undefined) => (file === undefined ? undefined : join(folder, file));
    const params: ClipLoadParams = {
      text: 'text' in graphs ? path(graphs.text) : undefined,
      vision: 'vision' in graphs ? path(graphs.vision) : undefined,
      joint: path(graphs.joint),
      image: { ...image, preprocessing, modelType: '', pooling: undefined },
      tokenizer: config.tokenizer,
      tokenBudget: DEFAULT_TOKEN_BUDGET,
    };
    const { lane, loaded } = await openLane<ClipLoaded>(LANE, params, lanes, signal);
    return new ClipEmbedder(lane, { id, config, decode: image.decode, logit, dimensions: loaded.dimensions });
  }

  /** The path that the model was loaded from, or its id. */
  get modelId(): string {
    return this.#model.id;
  }

  /** Width of an embedding, of texts and of pictures. */
  get dimensions(): number {
    return this.#model.dimensions;
  }

  /** Longest text in tokens, special tokens included; longer texts are cut. */
  get maxTokens(): number {
    return this.#model.config.tokenizer.maxTokens;
  }

  /**
   * Embeds pictures, given as for `ImageEmbedder.encode`.
   *
   * @returns one row per picture, in their order
   * @throws {EmbedlaneError} `ERR_IMAGE` naming the picture that cannot be read, unless `onError` is `'skip'`; and
   *   as {@link encodeText}
   */
  async encodeImage(
    images: ImageInput | readonly ImageInput[],
    options?: ImageEncodeOptions,
  ): Promise<ImageEmbeddings> {
    const sources = checkImages('images', images, this.#model.decode);
    const plan = checkImageEncodeOptions(options, this.dimensions);
    this.#assertOpen();
    const dims = plan.truncateDim ?? this.dimensions;
    try {
      const { data, indices, failures } = await new ImageJob(this.lane, sources, plan, dims).run();
      return new ImageEmbeddings(data, dims, indices, failures);
    } catch (error) {
      throw withCallerStack(error);
    }
  }

  /** Embeds a stream of pictures part by part, as `ImageEmbedder.encodeStream`. */
  encodeImageStream(
    images: AsyncIterable<ImageInput> | Iterable<ImageInput>,
    options?: ImageEncodeStreamOptions,
  ): AsyncGenerator<ImageEmbeddings, void, undefined> {
    return encodeImageStream(images, options, {
      check: (encodeOptions) => void checkImageEncodeOptions(encodeOptions, this.dimensions),
      checkImage: (name, image) => void checkImage(name, image, this.#model.decode),
      encode: (part, encodeOptions) => this.encodeImage(part, encodeOptions),
    });
  }

  /**
   * Says which of some labels fits a picture best, without any training for them (zero-shot classification).
   *
   * @param labels nouns, as a rule; they are put into the templates
   * @returns every label with its probability, best first: over all labels for CLIP, for each alone for SigLIP.
   *   One list for one picture, a list of lists for an array
   * @throws {EmbedlaneError} as {@link encodeImage}
   */
  async classify(
    images: readonly ImageInput[],
    labels: readonly string[],
    options?: ZeroShotOptions,
  ): Promise<Classification[][]>;
  async classify(
    image: ImageInput,
    labels: readonly string[],
    options?: ZeroShotOptions,
  ): Promise<Classification[]>;
  async classify(
    images: ImageInput | readonly ImageInput[],
    labels: readonly string[],
    options?: ZeroShotOptions,
  ): Promise<Classification[] | Classification[][]> {
    const plan = checkZeroShot(labels, options, DEFAULT_TEMPLATE);
    const { signal, timeout } = plan;
    const probabilities = this.#model.config.probability === 'softmax' ? softmax : sigmoid;
    const results = await this.rank(this.encodeImage(images, { signal, timeout }), plan, probabilities);
    return Array.isArray(images) ? results : results[0];
  }

  protected async findScale(process: LaneHandle): Promise<LogitScale> {
    const { logit, config } = this.#model;
    if (logit) return logit;
    const withBias = config.probability === 'sigmoid';
    const found = (await process.call('scale', { withBias })) as LogitScale | undefined;
    if (found) return found;
    if (withBias) throw unknownScale();
    return { scale: OPENAI_SCALE, bias: 0 };
  }

  #assertOpen(): void {
    if (this.lane.closed) {
      throw new EmbedlaneError('ERR_CLOSED', 'Expected an open model but it has been closed');
    }
  }
}
