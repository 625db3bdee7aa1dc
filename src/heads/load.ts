import { optionalTimeout } from '../core/deadline.js';
import type { OnProgress } from '../core/progress.js';
import {
  integer,
  oneOf,
  optionalFunction,
  optionalInteger,
  optionalSignal,
  optionalString,
  optionsObject,
} from '../core/validate.js';
import {
  checkHubOptions,
  chooseOnnxFile,
  DTYPES,
  type Dtype,
  type FileSelector,
  graphBytes,
  HUB_OPTIONS,
  type HubOptions,
  loadRepairing,
  onnxModelFiles,
  pickOnnxFile,
  resolveModel,
} from '../hub/index.js';
import {
  checkRuntimeOptions,
  DEFAULT_TOKEN_BUDGET,
  RUNTIME_OPTIONS,
  type RuntimeOptions,
} from '../runtime/index.js';
import { type EncoderConfig, readEncoder } from '../text/config/index.js';
import { HeadLane } from './head-lane.js';
import type { HeadParams, Loaded } from './lane/protocol.js';

/** Options that `load` of every class here takes. */
export interface HeadLoadOptions extends HubOptions, RuntimeOptions {
  /** Which variant of the weights, as for `TextEmbedder`. Default `'auto'`, the most exact one present. */
  dtype?: Dtype;
  /** The ONNX file itself, relative to the model's folder or its `onnx` folder, instead of `dtype`. */
  modelFile?: string;
  /** Padded tokens per run of the model. Default 512. */
  tokenBudget?: number;
  /** Most tokens per text or pair, special tokens included, instead of the model's own limit. */
  maxTokens?: number;
  /** Aborts the loading, downloads included. */
  signal?: AbortSignal;
}

/** Options of a call of the models of `CrossEncoder`, `SparseEmbedder`, `LateInteractionEmbedder` and `M3Embedder`. */
export interface CallOptions {
  /** Aborts the call, which then rejects with `ERR_ABORTED`; batches not yet started are not computed. */
  signal?: AbortSignal;
  /** Called after every batch. */
  onProgress?: OnProgress;
  /** Called once, at the end, with the number of tokens of all texts, special ones included. */
  onUsage?: (usage: { tokens: number }) => void;
  /** Milliseconds after which the call rejects with `ERR_TIMEOUT`. Default: none. */
  timeout?: number;
}

export const CALL_OPTIONS = ['signal', 'onProgress', 'onUsage', 'timeout'] as const;

const LOAD_OPTIONS = [
  'dtype',
  'modelFile',
  'tokenBudget',
  'maxTokens',
  'signal',
  ...RUNTIME_OPTIONS,
  ...HUB_OPTIONS,
] as const;

/** Upper bounds that only catch mistakes. */
const MAX_TOKENS = 2 ** 24;

export function checkCallOptions({ signal, onProgress, onUsage, timeout }: CallOptions) {
  return {
    signal: optionalSignal('signal', signal),
    onProgress: optionalFunction('onProgress', onProgress),
    onUsage: optionalFunction('onUsage', onUsage),
    timeout: optionalTimeout('timeout', timeout),
  };
}

/** A loaded model of any kind here. */
export interface LoadedHead<Config> {
  id: string;
  config: Config;
  maxTokens: number | undefined;
  taskTokens: EncoderConfig['taskTokens'];
  lane: HeadLane;
  widths: Loaded['widths'];
}

/**
 * Finds, checks and starts a model.
 *
 * @param read reads the model's own configuration: its Transformer's folder below the model's, and its head
 * @param extra further files of a repository that it needs
 */
export async function loadHead<Config extends { path: string; head: HeadParams }>(
  model: string,
  options: HeadLoadOptions | undefined,
  read: (folder: string) => Promise<Config>,
  extra: (files: readonly string[]) => string[] = () => [],
): Promise<LoadedHead<Config>> {
  const given = optionsObject<HeadLoadOptions>('options', options, LOAD_OPTIONS);
  const dtype = given.dtype === undefined ? 'auto' : oneOf('dtype', given.dtype, DTYPES);
  const modelFile = optionalString('modelFile', given.modelFile);
  const { session, lanes } = checkRuntimeOptions(given);
  const tokenBudget =
    optionalInteger('tokenBudget', given.tokenBudget, 1, MAX_TOKENS) ?? DEFAULT_TOKEN_BUDGET;
  const wanted = optionalInteger('maxTokens', given.maxTokens, 1, MAX_TOKENS);
  const signal = optionalSignal('signal', given.signal);
  const graph = onnxModelFiles(({ name, files }) =>
    pickOnnxFile(files, dtype, name, { modelFile, subfolder: '' }),
  );
  const select: FileSelector = async (repository) => [
    ...new Set([...(await graph(repository)), ...extra(repository.files)]),
  ];
  const location = await resolveModel(model, { select, hub: checkHubOptions(given), signal });
  return loadRepairing(location, async () => {
    const config = await read(location.folder);
    const encoder = await readEncoder(location.folder, config.path, 'head');
    if (wanted !== undefined) integer('maxTokens', wanted, 1, encoder.maxPositions ?? wanted);
    const maxTokens = wanted ?? encoder.maxTokens;
    const file = await chooseOnnxFile(location.folder, dtype, { modelFile, subfolder: config.path });
    const { tokenizer, lowercase, taskTokens, paddingPosition, vocabulary } = encoder;
    const params = {
      encoder: { modelFile: file, tokenizer, lowercase, maxTokens, paddingPosition, vocabulary },
      head: config.head,
      session,
      tokenBudget,
    };
    const { lane, loaded } = await HeadLane.load(params, await graphBytes(file), lanes, signal);
    return { id: location.id, config, maxTokens, taskTokens, lane, widths: loaded.widths };
  });
}
