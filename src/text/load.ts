import { integer } from '../core/validate.js';
import {
  chooseOnnxFile,
  type FileSelector,
  graphBytes,
  type ModelLocation,
  onnxModelFiles,
  pickOnnxFile,
  resolveModel,
  staticModelFiles,
} from '../hub/index.js';
import { DEFAULT_TOKEN_BUDGET } from '../runtime/index.js';
import { type EncoderConfig, readTextModelConfig, type TextModelConfig } from './config/index.js';
import type { EncoderParams, LoadParams } from './lane/protocol.js';
import type { LoadSettings } from './options.js';
import { isStaticRepository } from './static-models.js';

/** A model's configuration, and what its lane has to load. */
export interface ModelPlan {
  id: string;
  /** The ONNX file of the default route. */
  modelFile: string;
  config: TextModelConfig;
  /** Longest text in tokens over all routes; undefined without a limit. */
  maxTokens: number | undefined;
  /** Size of all graphs with their weights. */
  bytes: number;
  params: LoadParams;
}

/** Which files of a repository a model of texts needs: a static one's table, else the graphs that the options choose. */
export function textModelFiles({
  dtype,
  modelFile,
}: Partial<Pick<LoadSettings, 'modelFile'>> & Pick<LoadSettings, 'dtype'>): FileSelector {
  const graphs = onnxModelFiles(({ name, files }) => {
    // Where a Router comes first, each of its Transformers has a folder and a graph of its own.
    const found = files.filter((path) => path.endsWith('.onnx'));
    const folders = new Set(found.flatMap((path) => /^(?:.*\/)?[^/]*_Transformer(?=\/)/.exec(path) ?? []));
    const subfolders = folders.size > 0 ? [...folders] : [''];
    return subfolders.map((subfolder) => pickOnnxFile(files, dtype, name, { modelFile, subfolder }));
  });
  return async (repository) =>
    (await isStaticRepository(repository)) ? staticModelFiles(repository) : graphs(repository);
}

/** Finds a model's files, downloading those that it needs. Throws what `TextEmbedder.load` documents. */
export function locateModel(model: string, settings: LoadSettings): Promise<ModelLocation> {
  const { hub, signal } = settings;
  return resolveModel(model, { select: textModelFiles(settings), hub, signal });
}

/** Reads a model's configuration. Throws what `TextEmbedder.load` documents. */
export async function planModel({ id, folder }: ModelLocation, settings: LoadSettings): Promise<ModelPlan> {
  const { dtype, modelFile, runtime, tokenBudget, pooling, maxTokens } = settings;
  const config = await readTextModelConfig(folder, pooling);
  const encoders = await Promise.all(
    config.encoders.map(async (encoder): Promise<EncoderParams> => {
      return {
        modelFile: await chooseOnnxFile(folder, dtype, { modelFile, subfolder: encoder.path }),
        tokenizer: encoder.tokenizer,
        lowercase: encoder.lowercase,
        maxTokens: limit(encoder, maxTokens),
        paddingPosition: encoder.paddingPosition,
        vocabulary: encoder.vocabulary,
      };
    }),
  );
  const sizes = await Promise.all(encoders.map((encoder) => graphBytes(encoder.modelFile)));
  const limits = encoders.map((encoder) => encoder.maxTokens ?? Number.POSITIVE_INFINITY);
  const longest = Math.max(...limits);
  const params = {
    encoders,
    routes: config.routes.map(({ encoder, modules }) => ({ encoder, modules })),
    poolingChosen: pooling !== undefined,
    session: runtime.session,
    tokenBudget: tokenBudget ?? DEFAULT_TOKEN_BUDGET,
  };
  const { encoder } = config.routes[config.routeOf.default ?? 0];
  return {
    id,
    modelFile: encoders[encoder].modelFile,
    config,
    maxTokens: Number.isFinite(longest) ? longest : undefined,
    bytes: sizes.reduce((sum, size) => sum + size, 0),
    params,
  };
}

function limit({ maxTokens, maxPositions }: EncoderConfig, wanted: number | undefined): number | undefined {
  if (wanted === undefined) return maxTokens;
  return integer('maxTokens', wanted, 1, maxPositions ?? wanted);
}
