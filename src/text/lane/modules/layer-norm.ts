import { openModuleWeights } from '../../../hub/module-weights.js';
import type { OutputVectors } from '../../../runtime/session.js';
import type { LayerNormConfig } from '../../config/index.js';

/** PyTorch's default. */
const EPSILON = 1e-5;

/** A LayerNorm module over vectors of texts. */
export class LayerNorm {
  readonly #weight: Float32Array;
  readonly #bias: Float32Array;

  private constructor(weight: Float32Array, bias: Float32Array) {
    this.#weight = weight;
    this.#bias = bias;
  }

  /** @throws {EmbedlaneError} `ERR_MODEL_INVALID` if the weights are missing, damaged or of other shapes */
  static async open({ weights, dims }: LayerNormConfig): Promise<LayerNorm> {
    const file = await openModuleWeights(weights);
    return new LayerNorm(await file.floats('norm.weight', [dims]), await file.floats('norm.bias', [dims]));
  }

  apply({ data, dims }: OutputVectors): OutputVectors {
    const out = new Float32Array(data.length);
    for (let start = 0; start < data.length; start += dims) {
      let sum = 0;
      for (let i = start; i < start + dims; i++) sum += data[i];
      const mean = sum / dims;
      let squares = 0;
      for (let i = start; i < start + dims; i++) squares += (data[i] - mean) ** 2;
      const scale = 1 / Math.sqrt(squares / dims + EPSILON);
      for (let i = 0; i < dims; i++) {
        out[start + i] = (data[start + i] - mean) * scale * this.#weight[i] + this.#bias[i];
      }
    }
    return { data: out, dims };
  }
}
