import { openModuleWeights } from '../../../hub/module-weights.js';
import type { TensorFile } from '../../../hub/safetensors.js';
import type { NativeBinding } from '../../../native/binding.js';
import type { OutputVectors } from '../../../runtime/session.js';
import type { DenseConfig } from '../../config/index.js';
import { ACTIVATION_FUNCTIONS } from './activations.js';

/** A Dense module: activation(x · Wᵀ + b), plus the residual. Products are summed in float64. */
export class Dense {
  readonly #config: DenseConfig;
  readonly #binding: NativeBinding;
  readonly #weight: Float32Array;
  readonly #bias: Float32Array | undefined;
  /** Projection of the residual where the widths differ. */
  readonly #projection: Float32Array | undefined;

  private constructor(
    config: DenseConfig,
    binding: NativeBinding,
    weight: Float32Array,
    bias: Float32Array | undefined,
    projection: Float32Array | undefined,
  ) {
    this.#config = config;
    this.#binding = binding;
    this.#weight = weight;
    this.#bias = bias;
    this.#projection = projection;
  }

  /**
   * @param prefix of the tensors' names
   * @param tensors where they are, if not in the file that the configuration names
   * @throws {EmbedlaneError} `ERR_MODEL_INVALID` if the weights are missing, damaged or of other shapes
   */
  static async open(
    config: DenseConfig,
    binding: NativeBinding,
    prefix = 'linear',
    tensors?: TensorFile,
  ): Promise<Dense> {
    const { inFeatures, outFeatures, bias, residual, weights } = config;
    const file = tensors ?? (await openModuleWeights(weights));
    return new Dense(
      config,
      binding,
      await file.floats(`${prefix}.weight`, [outFeatures, inFeatures]),
      bias ? await file.floats(`${prefix}.bias`, [outFeatures]) : undefined,
      residual && inFeatures !== outFeatures
        ? await file.floats('residual.weight', [outFeatures, inFeatures])
        : undefined,
    );
  }

  apply({ data }: OutputVectors): OutputVectors {
    const { outFeatures, activation, residual } = this.#config;
    const out = this.#multiply(data, this.#weight);
    const activate = ACTIVATION_FUNCTIONS[activation];
    const bias = this.#bias;
    const added = !residual ? undefined : this.#projection ? this.#multiply(data, this.#projection) : data;
    for (let i = 0; i < out.length; i++) {
      const x = activate(bias ? out[i] + bias[i % outFeatures] : out[i]);
      out[i] = added ? x + added[i] : x;
    }
    return { data: out, dims: outFeatures };
  }

  #multiply(rows: Float32Array, weight: Float32Array): Float32Array {
    const { inFeatures, outFeatures } = this.#config;
    const out = new Float32Array((rows.length / inFeatures) * outFeatures);
    // A lane has the threads of its session, and these are waiting for the next batch.
    this.#binding.matrix('dot', rows, weight, inFeatures, out, 'f32', 1);
    return out;
  }
}
