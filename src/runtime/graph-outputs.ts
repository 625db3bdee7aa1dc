import type * as ort from 'onnxruntime-node';
import { widenFloat16 } from '../core/float16.js';
import { freeBuffer } from './free-buffer.js';
import { invalidGraph } from './graph-errors.js';
import type { TokenBatch } from './graph-inputs.js';

/** An output of a graph as its metadata declares it. */
export interface GraphOutput {
  name: string;
  /** Number of dimensions; 0 if the graph does not say. */
  rank: number;
}

/** Values of an output, row-major. */
export interface OutputValues {
  data: Float32Array;
  shape: readonly number[];
}

/** One vector per token, row-major `[batch, sequence, dims]`, or one per text, `[batch, dims]`. */
export interface OutputVectors {
  data: Float32Array;
  dims: number;
}

/** Outputs of one run. Their values are valid until `dispose`. */
export class RunOutputs {
  readonly #tensors: ort.InferenceSession.OnnxValueMapType;
  readonly #batch: TokenBatch;

  constructor(tensors: ort.InferenceSession.OnnxValueMapType, batch: TokenBatch) {
    this.#tensors = tensors;
    this.#batch = batch;
  }

  /** Values in whatever shape they have, widened to 32 bits. */
  values(name: string): OutputValues {
    const tensor = this.#tensors[name] as ort.Tensor;
    return { data: floats(tensor, name), shape: tensor.dims };
  }

  /** @throws {EmbedlaneError} `ERR_MODEL_INVALID` if the shape is not `[batch, sequence, dims]` */
  tokenVectors(name: string): OutputVectors {
    const { batch, sequence } = this.#batch;
    return this.#vectors(name, [batch, sequence]);
  }

  /** @throws {EmbedlaneError} `ERR_MODEL_INVALID` if the shape is not `[batch, dims]` */
  textVectors(name: string): OutputVectors {
    return this.#vectors(name, [this.#batch.batch]);
  }

  dispose(): void {
    for (const tensor of Object.values(this.#tensors) as ort.Tensor[]) {
      // onnxruntime-node copies each output to memory of V8's.
      if (tensor.location === 'cpu' && tensor.type !== 'string') freeBuffer(tensor.data as Float32Array);
      tensor.dispose();
    }
  }

  #vectors(name: string, leading: readonly number[]): OutputVectors {
    const { data, shape } = this.values(name);
    if (shape.length !== leading.length + 1 || leading.some((size, axis) => shape[axis] !== size)) {
      throw invalidGraph(`output '${name}' of shape [${leading.join(', ')}, dims]`, `[${shape.join(', ')}]`);
    }
    return { data, dims: shape[leading.length] };
  }
}

/** The outputs of a graph, in its order. */
export function graphOutputs({ outputMetadata }: ort.InferenceSession): GraphOutput[] {
  return outputMetadata.map((output) => ({
    name: output.name,
    rank: output.isTensor ? output.shape.length : 0,
  }));
}

/** Values widened to 32 bits. */
export function floats(tensor: ort.Tensor, name: string): Float32Array {
  if (tensor.type === 'float32') return tensor.data as Float32Array;
  if (tensor.type === 'float16') return widenFloat16(tensor.data as Uint16Array);
  throw invalidGraph(`output '${name}' of type float32 or float16`, tensor.type);
}
