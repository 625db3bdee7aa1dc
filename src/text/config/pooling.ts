import type { JsonObject } from '../../core/json-file.js';
import { POOLING_MODES, type PoolingMode } from '../../native/binding.js';
import { requireConfig } from './layers.js';
import type { ModuleEntry } from './modules.js';

/** How token vectors become one vector. */
export interface PoolingConfig {
  type: 'pooling';
  /** One or more modes; the results are concatenated in this order. */
  modes: PoolingMode[];
  /** Whether the tokens of a prompt count. */
  includePrompt: boolean;
  /** Width of a token vector as the configuration declares it, to be compared with the graph's. */
  tokenDims: number | undefined;
}

/** Fields of the older configuration files, in the order in which their results are concatenated. */
const LEGACY_FIELDS: readonly [string, PoolingMode][] = [
  ['pooling_mode_cls_token', 'cls'],
  ['pooling_mode_max_tokens', 'max'],
  ['pooling_mode_mean_tokens', 'mean'],
  ['pooling_mode_mean_sqrt_len_tokens', 'mean_sqrt_len'],
  ['pooling_mode_weightedmean_tokens', 'weightedmean'],
  ['pooling_mode_lasttoken', 'lasttoken'],
];

/** Names of the newer configuration files, where they differ from ours. */
const MODE_NAMES: Partial<Record<PoolingMode, string>> = { mean_sqrt_len: 'mean_sqrt_len_tokens' };

/** A Pooling of the caller's choice, or of a model that says nothing about it. */
export function plainPooling(modes: PoolingMode[]): PoolingConfig {
  return { type: 'pooling', modes, includePrompt: true, tokenDims: undefined };
}

/**
 * Reads a Pooling module's `config.json`: `pooling_mode` as a name or a list of names (sentence-transformers
 * since version 5), or one boolean per mode (before). No mode at all means mean, as it does there.
 */
export async function readPooling(folder: string, { path }: ModuleEntry): Promise<PoolingConfig> {
  const config = await requireConfig(folder, path);
  return {
    type: 'pooling',
    modes: currentModes(config) ?? legacyModes(config),
    includePrompt: config.boolean('include_prompt') ?? true,
    tokenDims:
      config.positiveInteger('embedding_dimension') ?? config.positiveInteger('word_embedding_dimension'),
  };
}

function currentModes(config: JsonObject): PoolingMode[] | undefined {
  const value = config.get('pooling_mode');
  if (value === undefined) return undefined;
  const names: unknown[] = Array.isArray(value) ? value : [value];
  if (names.length === 0) throw config.invalid('at least one mode', "'pooling_mode'", value);
  return names.map((name) => {
    const mode = POOLING_MODES.find((known) => name === known || name === MODE_NAMES[known]);
    if (mode === undefined)
      throw config.invalid(`modes among ${POOLING_MODES.join(', ')}`, "'pooling_mode'", name);
    return mode;
  });
}

function legacyModes(config: JsonObject): PoolingMode[] {
  const modes = LEGACY_FIELDS.filter(([field]) => config.boolean(field)).map(([, mode]) => mode);
  return modes.length > 0 ? modes : ['mean'];
}
