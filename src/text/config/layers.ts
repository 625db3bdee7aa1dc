import { join } from 'node:path';
import { EmbedlaneError } from '../../core/errors.js';
import { type JsonObject, readJsonObject } from '../../core/json-file.js';
import { lastSegment, type ModuleEntry } from './modules.js';

/** What a module reads and replaces: one vector per text, or one per token. */
export const LEVELS = ['sentence_embedding', 'token_embeddings'] as const;
export type Level = (typeof LEVELS)[number];

/** Activation functions of PyTorch, by class, with the parameters that their constructors default to. */
export const ACTIVATIONS = [
  'Identity',
  'Tanh',
  'Sigmoid',
  'ReLU',
  'ReLU6',
  'LeakyReLU',
  'ELU',
  'GELU',
  'SiLU',
  'Mish',
  'Softplus',
  'CELU',
  'Hardsigmoid',
  'Hardswish',
  'Hardtanh',
  'LogSigmoid',
  'SELU',
  'Softsign',
  'Tanhshrink',
] as const;
export type Activation = (typeof ACTIVATIONS)[number];

/** activation(x · Wᵀ + b), plus x (projected where the widths differ) with `residual`. */
export interface DenseConfig {
  type: 'dense';
  level: Level;
  inFeatures: number;
  outFeatures: number;
  bias: boolean;
  activation: Activation;
  residual: boolean;
  /** Absolute path of the safetensors file; older models have `pytorch_model.bin` beside it instead. */
  weights: string;
}

/** (x − mean) / √(variance + 1e-5) · weight + bias. */
export interface LayerNormConfig {
  type: 'layernorm';
  dims: number;
  weights: string;
}

export interface NormalizeConfig {
  type: 'normalize';
  level: Level;
}

export async function readDense(folder: string, { path }: ModuleEntry): Promise<DenseConfig> {
  const config = await requireConfig(folder, path);
  const name = config.string('activation_function') ?? 'torch.nn.modules.activation.Tanh';
  const activation = ACTIVATIONS.find((known) => known === lastSegment(name));
  if (activation === undefined) {
    throw config.invalid(`one of torch.nn's ${ACTIVATIONS.join(', ')}`, "'activation_function'", name);
  }
  return {
    type: 'dense',
    level: readLevel(config),
    inFeatures: required(config, 'in_features'),
    outFeatures: required(config, 'out_features'),
    bias: config.boolean('bias') ?? true,
    activation,
    residual: config.boolean('use_residual') ?? false,
    weights: join(folder, path, 'model.safetensors'),
  };
}

export async function readLayerNorm(folder: string, { path }: ModuleEntry): Promise<LayerNormConfig> {
  const config = await requireConfig(folder, path);
  return {
    type: 'layernorm',
    dims: required(config, 'dimension'),
    weights: join(folder, path, 'model.safetensors'),
  };
}

/** Older models have no file for Normalize at all, or not even a folder. */
export async function readNormalize(folder: string, { path }: ModuleEntry): Promise<NormalizeConfig> {
  const config = path === '' ? undefined : await readJsonObject(folder, `${path}/config.json`);
  return { type: 'normalize', level: config ? readLevel(config) : 'sentence_embedding' };
}

/** @throws {EmbedlaneError} `ERR_MODEL_INVALID` if the module's `config.json` is missing */
export async function requireConfig(folder: string, path: string): Promise<JsonObject> {
  const file = path === '' ? 'config.json' : `${path}/config.json`;
  const config = await readJsonObject(folder, file);
  if (config) return config;
  throw new EmbedlaneError('ERR_MODEL_INVALID', `Expected ${file} in the model's folder ${folder}`);
}

function required(config: JsonObject, field: string): number {
  const value = config.positiveInteger(field);
  if (value === undefined) throw config.invalid('a positive integer', `'${field}'`, undefined);
  return value;
}

function readLevel(config: JsonObject): Level {
  const name = config.string('module_input_name') ?? LEVELS[0];
  const level = LEVELS.find((known) => known === name);
  if (level === undefined) throw config.invalid(`one of ${LEVELS.join(', ')}`, "'module_input_name'", name);
  const output = config.string('module_output_name') ?? name;
  if (output !== name) throw config.invalid(`'${name}', its input,`, "'module_output_name'", output);
  return level;
}
