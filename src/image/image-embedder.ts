/// <reference lib="esnext.disposable" preserve="true" />

import { throwIfAborted } from '../core/abort.js';
import { requireMaker } from '../core/constructed.js';
import type { Embeddings, Matrix, MatrixLike } from '../core/embeddings.js';
import { EmbedlaneError, invalidArgument, withCallerStack } from '../core/errors.js';
import { integer, requireOptions } from '../core/validate.js';
import {
  chooseOnnxFile,
  loadRepairing,
  type ModelLocation,
  onnxModelFiles,
  pickOnnxFile,
  resolveModel,
} from '../hub/index.js';
import { type Lane, openLane } from '../runtime/index.js';
import { normalize, PCA, type PcaFitOptions, similarity } from '../vectors/index.js';
import { type Classification, ranked, softmax } from './classify.js';
import { type ImageModelConfig, readImageModelConfig } from './config/index.js';
import type { DecodeSettings } from './decode/settings.js';
import { ImageJob, type ImagePlan } from './encode-job.js';
import { ImageEmbeddings } from './image-embeddings.js';
import { checkImage, checkImages, type ImageInput } from './input/source.js';
import type { ImageLoadParams, Loaded } from './lane/protocol.js';
import {
  checkImageEncodeOptions,
  checkImageLoadOptions,
  type ImageEncodeOptions,
  type ImageEncodeStreamOptions,
  type ImageLoadOptions,
} from './options.js';
import { readPca } from './pca-file.js';
import { encodeImageStream } from './stream.js';

const LANE = new URL('./lane/main.js', import.meta.url);

/** Options of `classify`. */
export interface ClassifyOptions extends Pick<ImageEncodeOptions, 'signal' | 'timeout' | 'onProgress'> {
  /** How many labels to return. Default 5. */
  topK?: number;
}

/** What {@link ImageEmbedder.load} found out about a model. */
interface Model {
  id: string;
  config: ImageModelConfig;
  decode: DecodeSettings;
  loaded: Loaded;
}

/**
 * Turns pictures into vectors, with the pixels of Pillow and the numbers of transformers.
 *
 * Decoder and model live in a child process: pictures are decoded and resized on its threads while the model
 * runs, and no call blocks the event loop. An idle model does not keep the program alive.
 *
 * @example
 * const model = await ImageEmbedder.load('efficientnet-lite0');
 * const e = await model.encode(['cat.jpg', 'dog.jpg'], { normalize: true });
 * model.similarity(e, e).data;
 * await model.close();
 */
export class ImageEmbedder implements AsyncDisposable {
  readonly #lane: Lane<Loaded>;
  readonly #model: Model;
  #pca: PCA | undefined;

  private constructor(lane: Lane<Loaded>, model: Model, pca: PCA | undefined) {
    requireMaker('ImageEmbedder.load', lane);
    this.#lane = lane;
    this.#model = model;
    this.#pca = pca;
  }

  /**
   * Loads a model: its ONNX graph, and how pictures become its input from `preprocessor_config.json`.
   *
   * @param model name of a bundled model; path of a folder (absolute, or starting with `./` or `../`); or
   *   `org/name` or `org/name@revision` on the Hugging Face Hub, downloaded once into the cache
   * @throws {EmbedlaneError} `ERR_INVALID_ARG`; `ERR_MODEL_NOT_FOUND`; `ERR_DOWNLOAD`, `ERR_CHECKSUM`, `ERR_IO` if
   *   it cannot be fetched; `ERR_MODEL_INVALID` if a file of it is missing, malformed or not supported; `ERR_RUNTIME` if the child process cannot start or dies;
   *   `ERR_IO` or `ERR_CORRUPT` for the file of the option `pca`; `ERR_ABORTED`
   */
  static async load(model: string, options?: ImageLoadOptions): Promise<ImageEmbedder> {
    const settings = checkImageLoadOptions(options);
    const { dtype, hub, signal } = settings;
    throwIfAborted(signal);
    const select = onnxModelFiles(({ name, files }) => pickOnnxFile(files, dtype, name));
    const location = await resolveModel(model, { select, hub, signal });
    return loadRepairing(location, () => ImageEmbedder.#open(location, settings));
  }

  static async #open(
    { id, folder }: ModelLocation,
    { signal, dtype, hub: _, pca: pcaFile, lanes, ...settings }: ReturnType<typeof checkImageLoadOptions>,
  ): Promise<ImageEmbedder> {
    const config = await readImageModelConfig(folder);
    const params: ImageLoadParams = {
      ...settings,
      modelFile: await chooseOnnxFile(folder, dtype),
      modelType: config.modelType,
      preprocessing: config.preprocessing,
    };
    const pca = pcaFile === undefined ? undefined : await readPca(pcaFile);
    const { lane, loaded } = await openLane<Loaded>(LANE, params, lanes, signal);
    const embedder = new ImageEmbedder(lane, { id, config, decode: settings.decode, loaded }, undefined);
    try {
      if (pca) embedder.usePca(pca);
    } catch (error) {
      await lane.close();
      throw error;
    }
    return embedder;
  }

  /** Short name of a bundled model, the path that the model was loaded from, or its id. */
  get modelId(): string {
    return this.#model.id;
  }

  /** Width of an embedding, before any `truncateDim`. With a PCA, the number of its components. */
  get dimensions(): number {
    return this.#pca?.components.rows ?? this.#model.loaded.dimensions;
  }

  /** Names of the classes that {@link classify} tells apart; empty for a model without. */
  get labels(): readonly string[] {
    return this.#model.config.labels ?? [];
  }

  /**
   * Embeds pictures.
   *
   * @param images one picture or a list: paths, `data:` URIs, URLs of allowed hosts, bytes, streams or raw pixels.
   *   Bytes are read while the call runs: leave them as they are until it is over
   * @returns one row per picture, in their order
   * @throws {EmbedlaneError} `ERR_IMAGE` naming the picture that cannot be read, unless `onError` is `'skip'`;
   *   `ERR_INVALID_ARG`, `ERR_ABORTED`, `ERR_CLOSED`, `ERR_MODEL_INVALID`, `ERR_RUNTIME`
   */
  async encode(
    images: ImageInput | readonly ImageInput[],
    options?: ImageEncodeOptions,
  ): Promise<ImageEmbeddings> {
    if (this.#model.loaded.dimensions === 0) {
      throw new EmbedlaneError(
        'ERR_MODEL_INVALID',
        'Expected a model with features but its ONNX graph has only logits; use classify',
      );
    }
    const plan = checkImageEncodeOptions(options, this.dimensions);
    const pca = this.#pca;
    if (!pca) {
      const { data, dims, indices, skipped } = await this.#run(images, plan);
      return new ImageEmbeddings(data, dims, indices, skipped);
    }
    const whole = await this.#run(images, { ...plan, normalize: false, truncateDim: undefined });
    const reduced = finish(
      await pca.transform({ data: whole.data, rows: whole.indices.length, dims: whole.dims }),
      plan,
    );
    return new ImageEmbeddings(reduced.data, reduced.dims, whole.indices, whole.skipped);
  }

  /** {@link encode}, under the name that imgbeddings has for it. */
  toEmbedding(
    images: ImageInput | readonly ImageInput[],
    options?: ImageEncodeOptions,
  ): Promise<ImageEmbeddings> {
    return this.encode(images, options);
  }

  /**
   * Embeds a stream of pictures part by part, in order and with bounded memory: while one part is in the model,
   * the next is decoded. Leaving the loop early stops the work.
   *
   * @returns parts of up to `window` pictures; `indices` and `skipped` count from the beginning of each part
   */
  encodeStream(
    images: AsyncIterable<ImageInput> | Iterable<ImageInput>,
    options?: ImageEncodeStreamOptions,
  ): AsyncGenerator<ImageEmbeddings, void, undefined> {
    return encodeImageStream(images, options, {
      check: (encodeOptions) => void checkImageEncodeOptions(encodeOptions, this.dimensions),
      checkImage: (name, image) => void checkImage(name, image, this.#model.decode),
      encode: (part, encodeOptions) => this.encode(part, encodeOptions),
    });
  }

  /**
   * Says what pictures show, for models that were trained to: the most probable of {@link labels}.
   *
   * @returns a list, best first; for an array of pictures, one list each
   * @throws {EmbedlaneError} as {@link encode}, and `ERR_MODEL_INVALID` if the model tells no classes apart
   */
  async classify(images: readonly ImageInput[], options?: ClassifyOptions): Promise<Classification[][]>;
  async classify(image: ImageInput, options?: ClassifyOptions): Promise<Classification[]>;
  async classify(
    images: ImageInput | readonly ImageInput[],
    options: ClassifyOptions = {},
  ): Promise<Classification[] | Classification[][]> {
    requireOptions('options', options);
    const { topK = 5, ...rest } = options;
    integer('topK', topK, 1, Number.MAX_SAFE_INTEGER);
    const { classes } = this.#model.loaded;
    if (classes === 0) {
      throw new EmbedlaneError(
        'ERR_MODEL_INVALID',
        "Expected a model with classes but its ONNX graph has no output 'logits'",
      );
    }
    const plan = checkImageEncodeOptions(rest, classes, 'logits');
    const { data, dims, indices } = await this.#run(images, plan);
    const results = Array.from(indices, (_, row) =>
      ranked(softmax(data.subarray(row * dims, (row + 1) * dims)), this.labels, topK),
    );
    return Array.isArray(images) ? results : results[0];
  }

  /**
   * Fits a PCA to embeddings and applies it to every later one, as imgbeddings' `pca_fit` does.
   *
   * @param embeddings of this model, without PCA
   */
  async fitPca(embeddings: MatrixLike, options?: PcaFitOptions): Promise<PCA> {
    const pca = await PCA.fit(embeddings, options);
    this.usePca(pca);
    return pca;
  }

  /** Applies a PCA to every later embedding; `undefined` for none. */
  usePca(pca: PCA | undefined): void {
    if (pca !== undefined && !(pca instanceof PCA)) throw invalidArgument('pca', 'a PCA', pca);
    const { dimensions } = this.#model.loaded;
    if (pca && pca.mean.length !== dimensions) {
      throw new EmbedlaneError(
        'ERR_DIMENSION',
        `Expected a PCA of the model's ${dimensions} dimensions but received one of ${pca.mean.length}`,
      );
    }
    this.#pca = pca;
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

  async #run(images: unknown, plan: ImagePlan) {
    const sources = checkImages('images', images, this.#model.decode);
    if (this.#lane.closed) {
      throw new EmbedlaneError('ERR_CLOSED', 'Expected an open model but it has been closed');
    }
    const { dimensions, classes } = this.#model.loaded;
    const width = plan.output === 'logits' ? classes : dimensions;
    const dims = Math.min(plan.truncateDim ?? width, width);
    try {
      const { data, indices, failures } = await new ImageJob(this.#lane, sources, plan, dims).run();
      return { data, dims, indices, skipped: failures };
    } catch (error) {
      throw withCallerStack(error);
    }
  }
}

/** The cut and the normalisation of embeddings that have been through a PCA. */
function finish(
  e: Embeddings,
  { truncateDim, normalize: normalizeRows }: ImagePlan,
): { data: Float32Array; dims: number } {
  const dims = truncateDim ?? e.dims;
  const data = new Float32Array(e.rows * dims);
  for (let row = 0; row < e.rows; row++) data.set(e.row(row).subarray(0, dims), row * dims);
  return normalizeRows ? normalize({ data, rows: e.rows, dims }) : { data, dims };
}
