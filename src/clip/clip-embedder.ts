/// <reference lib="esnext.disposable" preserve="true" />
import { join } from 'node:path';
import { throwIfAborted } from '../core/abort.js';
import type { Embeddings, Matrix, MatrixLike } from '../core/embeddings.js';
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
import { DEFAULT_TOKEN_BUDGET, type Lane, openLane } from '../runtime/index.js';
import { similarity } from '../vectors/index.js';
import { type ClipConfig, readClipConfig } from './config.js';
import { pickClipGraphs } from './graphs.js';
import type { ClipLoaded, ClipLoadParams, LogitScale } from './lane/protocol.js';
import {
  type ClipLoadOptions,
  type ClipTextOptions,
  checkClipLoadOptions,
  type ZeroShotOptions,
} from './options.js';
import { resolveClip } from './repository.js';
import { encodeTexts } from './text-job.js';
import { checkZeroShot, DEFAULT_TEMPLATE, rankLabels, sigmoid, unknownScale } from './zero-shot.js';

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
export class ClipEmbedder implements AsyncDisposable {
  readonly #lane: Lane<ClipLoaded>;
  readonly #model: Model;
  #scale: Promise<LogitScale> | undefined;

  private constructor(lane: Lane<ClipLoaded>, model: Model) {
    this.#lane = lane;
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
   * Embeds texts.
   *
   * @returns one row per text, in the order of the texts
   * @throws {EmbedlaneError} `ERR_INVALID_ARG`, `ERR_ABORTED`, `ERR_CLOSED`, `ERR_MODEL_INVALID`, `ERR_RUNTIME`
   */
  async encodeText(texts: string | readonly string[], options?: ClipTextOptions): Promise<Embeddings> {
    return encodeTexts(this.#lane, texts, options, this.dimensions);
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
      const { data, indices, failures } = await new ImageJob(this.#lane, sources, plan, dims).run();
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
    const [pictures, texts, scale] = await Promise.all([
      this.encodeImage(images, { signal, timeout }),
      this.encodeText(plan.prompts, { normalize: true, signal, timeout }),
      this.#logitScale(),
    ]);
    const probabilities = this.#model.config.probability === 'softmax' ? softmax : sigmoid;
    const results = rankLabels(plan, pictures, texts, scale, probabilities);
    return Array.isArray(images) ? results : results[0];
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
  #logitScale(): Promise<LogitScale> {
    const { logit, config } = this.#model;
    if (logit) return Promise.resolve(logit);
    const withBias = config.probability === 'sigmoid';
    this.#scale ??= this.#lane
      .run((process) => process.call('scale', { withBias }) as Promise<LogitScale | undefined>)
      .then((found) => {
        if (found) return found;
        if (withBias) throw unknownScale();
        return { scale: OPENAI_SCALE, bias: 0 };
      });
    this.#scale.catch(() => {
      this.#scale = undefined;
    });
    return this.#scale;
  }

  #assertOpen(): void {
    if (this.#lane.closed) {
      throw new EmbedlaneError('ERR_CLOSED', 'Expected an open model but it has been closed');
    }
  }
}
