import { EmbedlaneError } from '../../../core/errors.js';
import type { NativeBinding } from '../../../native/binding.js';
import type { OutputVectors, TokenBatch } from '../../../runtime/session.js';
import type { ModuleConfig, PoolingConfig } from '../../config/index.js';
import { Dense } from './dense.js';
import { LayerNorm } from './layer-norm.js';
import { pool } from './pooling.js';

/** Replaces vectors, of tokens or of texts alike. */
type Layer = (vectors: OutputVectors) => OutputVectors;

/** The modules of a route: what happens to token vectors before pooling, pooling, and what happens after it. */
export class ModuleChain {
  /** Whether the last module makes vectors of length 1. */
  readonly normalizes: boolean;
  readonly #binding: NativeBinding;
  readonly #tokenConfigs: readonly ModuleConfig[];
  readonly #ofTokens: readonly Layer[];
  readonly #pooling: PoolingConfig;
  readonly #ofTexts: readonly Layer[];

  private constructor(binding: NativeBinding, configs: readonly ModuleConfig[], layers: Layer[]) {
    const place = configs.findIndex(({ type }) => type === 'pooling');
    this.normalizes = configs.at(-1)?.type === 'normalize';
    this.#binding = binding;
    this.#tokenConfigs = configs.slice(0, place);
    this.#ofTokens = layers.slice(0, place);
    this.#pooling = configs[place] as PoolingConfig;
    this.#ofTexts = layers.slice(place + 1);
  }

  /** @throws {EmbedlaneError} `ERR_MODEL_INVALID` if weights are missing, damaged or of other shapes */
  static async open(binding: NativeBinding, configs: readonly ModuleConfig[]): Promise<ModuleChain> {
    return new ModuleChain(
      binding,
      configs,
      await Promise.all(configs.map((config) => openLayer(binding, config))),
    );
  }

  /** Whether the tokens of a prompt count in the pooling. */
  get includesPrompt(): boolean {
    return this.#pooling.includePrompt;
  }

  /** Width of a token's vector as it is pooled. @param hidden its width in the graph */
  tokenDims(hidden: number): number {
    return this.#tokenConfigs.reduce(
      (dims, config) => (config.type === 'dense' ? config.outFeatures : dims),
      hidden,
    );
  }

  /** Vectors of tokens as they are pooled. */
  tokens(hidden: OutputVectors): OutputVectors {
    return this.#ofTokens.reduce((vectors, layer) => layer(vectors), hidden);
  }

  /** @param excluded leading tokens of each text that pooling leaves out */
  texts(batch: TokenBatch, hidden: OutputVectors, excluded: number): OutputVectors {
    const tokens = this.tokens(hidden);
    const { modes, tokenDims } = this.#pooling;
    if (tokenDims !== undefined && tokenDims !== tokens.dims)
      throw wrongWidth('Pooling', tokenDims, tokens.dims);
    return this.pooled(pool(this.#binding, modes, batch, tokens, excluded));
  }

  /** Vectors of texts from vectors that are pooled already. Overwrites them. */
  pooled(vectors: OutputVectors): OutputVectors {
    return this.#ofTexts.reduce((current, layer) => layer(current), vectors);
  }
}

async function openLayer(binding: NativeBinding, config: ModuleConfig): Promise<Layer> {
  switch (config.type) {
    case 'pooling':
      return (vectors) => vectors;
    case 'normalize':
      return ({ data, dims }) => {
        // Token vectors may be the session's own memory, which is read again by nobody else.
        binding.normalizeRows(data, dims);
        return { data, dims };
      };
    case 'dense': {
      const dense = await Dense.open(config, binding);
      return checked('Dense', config.inFeatures, (vectors) => dense.apply(vectors));
    }
    case 'layernorm': {
      const norm = await LayerNorm.open(config);
      return checked('LayerNorm', config.dims, (vectors) => norm.apply(vectors));
    }
  }
}

function checked(module: string, dims: number, layer: Layer): Layer {
  return (vectors) => {
    if (vectors.dims !== dims) throw wrongWidth(module, dims, vectors.dims);
    return layer(vectors);
  };
}

function wrongWidth(module: string, expected: number, actual: number): EmbedlaneError {
  return new EmbedlaneError(
    'ERR_MODEL_INVALID',
    `Expected vectors of ${expected} dimensions for the model's ${module}, as its configuration says, ` +
      `but received ${actual}`,
  );
}
