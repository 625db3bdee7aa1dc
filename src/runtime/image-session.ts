import * as ort from 'onnxruntime-node';
import { runGraph } from './exit-guard.js';
import { invalidGraph, runsOne } from './graph-errors.js';
import { floats, type GraphOutput, graphOutputs } from './graph-outputs.js';

const INPUT = 'pixel_values';

/** Values of an output of an image graph, row-major. Valid until `dispose`. */
export interface ImageRun {
  data: Float32Array;
  shape: readonly number[];
  dispose(): void;
}

/** An ONNX graph that takes pictures, `pixel_values` of shape `[batch, 3, height, width]`. */
export class ImageSession {
  readonly outputs: readonly GraphOutput[];
  /** Whether a batch must be of one picture, as the graph was exported. */
  readonly runsOne: boolean;
  readonly #session: ort.InferenceSession;
  readonly #input: string;
  readonly #others: Record<string, ort.Tensor>;

  /** @throws {EmbedlaneError} `ERR_MODEL_INVALID` if it is no graph of this kind */
  constructor(session: ort.InferenceSession) {
    this.#session = session;
    this.outputs = graphOutputs(session);
    const inputs = session.inputMetadata;
    // Exports that are not of transformers call it as they like, but have no other input.
    const input = inputs.find(({ name }) => name === INPUT) ?? (inputs.length === 1 ? inputs[0] : undefined);
    if (!input) throw invalidGraph(`an input '${INPUT}'`, session.inputNames.join(', '));
    const type = input.isTensor ? input.type : 'no tensor';
    if (type !== 'float32') throw invalidGraph(`input '${input.name}' of type float32`, type);
    this.#input = input.name;
    this.runsOne = runsOne(input);
    this.#others = Object.fromEntries(
      inputs.filter(({ name }) => name !== input.name).map(({ name }) => [name, placeholder(name)]),
    );
  }

  /**
   * Runs a batch on this thread. The event loop turns before the run but not during it.
   *
   * @param images `[3, height, width]` each
   * @param output name of the one output to compute
   */
  async run(
    images: readonly Float32Array[],
    width: number,
    height: number,
    output: string,
  ): Promise<ImageRun> {
    const size = 3 * width * height;
    const data = images.length === 1 ? images[0] : new Float32Array(images.length * size);
    if (images.length > 1) for (const [i, image] of images.entries()) data.set(image, i * size);
    const pixels = new ort.Tensor('float32', data, [images.length, 3, height, width]);
    const result = await runGraph(this.#session, { ...this.#others, [this.#input]: pixels }, [output]);
    const tensor = result[output] as ort.Tensor;
    return { data: floats(tensor, output), shape: tensor.dims, dispose: () => tensor.dispose() };
  }
}

/** A joint graph of texts and pictures wants a text too, which has no influence on the picture's vector. */
function placeholder(name: string): ort.Tensor {
  if (name !== 'input_ids' && name !== 'attention_mask') {
    throw invalidGraph(`inputs among ${INPUT}, input_ids, attention_mask`, `'${name}'`);
  }
  return new ort.Tensor('int64', BigInt64Array.of(1n), [1, 1]);
}
