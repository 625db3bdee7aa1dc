import * as ort from 'onnxruntime-node';
import { EmbedlaneError } from '../core/errors.js';

export interface SessionOptions {
  /** Absolute path of the `.onnx` file. */
  file: string;
  /** Threads within an operator; 0 lets onnxruntime count the physical cores. */
  threads: number;
  /** Microseconds for which a thread without work keeps its core busy before it sleeps; 0 for not at all. */
  spin: number;
}

/** Sequences of one run, padded to a rectangle. All arrays are row-major `[batch, sequence]`. */
export interface TokenBatch {
  batch: number;
  sequence: number;
  ids: Int32Array;
  /** 1 for tokens, 0 for padding. */
  mask: Uint8Array;
  /** Segment of each token; all zero for single texts in nearly every model. */
  typeIds: Int32Array;
}

/** Token vectors, row-major `[batch, sequence, dims]`. Valid until `dispose`. */
export interface TokenVectors {
  data: Float32Array;
  dims: number;
  dispose(): void;
}

const INPUTS = ['input_ids', 'attention_mask', 'token_type_ids', 'position_ids'] as const;
type InputName = (typeof INPUTS)[number];
type IntegerType = 'int64' | 'int32';

/** An ONNX graph from token ids to token vectors. */
export class TokenSession {
  readonly #session: ort.InferenceSession;
  readonly #inputs: { name: InputName; type: IntegerType }[];
  readonly #output: string;

  private constructor(session: ort.InferenceSession) {
    this.#session = session;
    this.#inputs = session.inputMetadata.map(checkInput);
    this.#output = chooseOutput(session);
  }

  /** @throws {EmbedlaneError} `ERR_MODEL_INVALID` if the file is no graph of this kind */
  static async open({ file, threads, spin }: SessionOptions): Promise<TokenSession> {
    let session: ort.InferenceSession;
    try {
      session = await ort.InferenceSession.create(file, {
        intraOpNumThreads: threads,
        interOpNumThreads: 1,
        executionMode: 'sequential',
        // Its cache of allocation plans grows by one entry per new shape, and shapes here never stop coming.
        enableMemPattern: false,
        enableCpuMemArena: true,
        logSeverityLevel: 3,
        // By default onnxruntime spins for long: that burns cores which the caller's own code needs.
        extra: {
          session: { intra_op: { allow_spinning: spin > 0 ? '1' : '0', spin_duration_us: String(spin) } },
        },
      });
    } catch (cause) {
      throw new EmbedlaneError(
        'ERR_MODEL_INVALID',
        `Expected a valid ONNX model in ${file} but onnxruntime refused it`,
        {
          cause,
        },
      );
    }
    return new TokenSession(session);
  }

  get usesTypeIds(): boolean {
    return this.#inputs.some((input) => input.name === 'token_type_ids');
  }

  /** Runs one batch on this thread. The event loop turns before the run but not during it. */
  async run(batch: TokenBatch): Promise<TokenVectors> {
    const feeds: Record<string, ort.Tensor> = {};
    for (const { name, type } of this.#inputs) {
      feeds[name] = integerTensor(type, inputValues(name, batch), batch);
    }
    const tensor = (await this.#session.run(feeds, [this.#output]))[this.#output];
    const [rows, sequence, dims] = tensor.dims;
    if (tensor.dims.length !== 3 || rows !== batch.batch || sequence !== batch.sequence) {
      const shape = `[${batch.batch}, ${batch.sequence}, dims]`;
      throw invalidGraph(`output '${this.#output}' of shape ${shape}`, `[${tensor.dims.join(', ')}]`);
    }
    return { data: floats(tensor, this.#output), dims, dispose: () => tensor.dispose() };
  }
}

function inputValues(name: InputName, batch: TokenBatch): ArrayLike<number> {
  switch (name) {
    case 'input_ids':
      return batch.ids;
    case 'attention_mask':
      return batch.mask;
    case 'token_type_ids':
      return batch.typeIds;
    case 'position_ids':
      return positions(batch);
  }
}

/** Positions counted over the tokens that are no padding, as transformers' decoders do with left padding. */
function positions({ batch, sequence, mask }: TokenBatch): Int32Array {
  const out = new Int32Array(batch * sequence);
  for (let row = 0; row < batch; row++) {
    let next = 0;
    for (let i = row * sequence; i < (row + 1) * sequence; i++) out[i] = mask[i] ? next++ : 0;
  }
  return out;
}

function integerTensor(
  type: IntegerType,
  values: ArrayLike<number>,
  { batch, sequence }: TokenBatch,
): ort.Tensor {
  const shape = [batch, sequence];
  if (type === 'int32') return new ort.Tensor('int32', Int32Array.from(values), shape);
  const wide = new BigInt64Array(values.length);
  // Every value is a small non-negative integer: writing the low words avoids a BigInt per token. All of
  // onnxruntime's platforms are little-endian.
  const low = new Int32Array(wide.buffer);
  for (let i = 0; i < values.length; i++) low[2 * i] = values[i];
  return new ort.Tensor('int64', wide, shape);
}

function floats(tensor: ort.Tensor, name: string): Float32Array {
  if (tensor.type === 'float32') return tensor.data as Float32Array;
  if (tensor.type === 'float16') return widenFloat16(tensor.data as Uint16Array);
  throw invalidGraph(`output '${name}' of type float32 or float16`, tensor.type);
}

/** IEEE 754 binary16 to binary32, exact. `data` may be a Float16Array where the runtime has one. */
export function widenFloat16(data: Uint16Array): Float32Array {
  const halves = new Uint16Array(data.buffer, data.byteOffset, data.length);
  const out = new Float32Array(halves.length);
  for (let i = 0; i < halves.length; i++) {
    const half = halves[i];
    const sign = half & 0x8000 ? -1 : 1;
    const exponent = (half >> 10) & 31;
    const fraction = half & 1023;
    if (exponent === 31) out[i] = fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
    else if (exponent === 0) out[i] = sign * fraction * 2 ** -24;
    else out[i] = sign * (1024 + fraction) * 2 ** (exponent - 25);
  }
  return out;
}

function checkInput(input: ort.InferenceSession.ValueMetadata): { name: InputName; type: IntegerType } {
  const name = INPUTS.find((known) => known === input.name);
  if (name === undefined) throw invalidGraph(`inputs among ${INPUTS.join(', ')}`, `'${input.name}'`);
  const type = input.isTensor ? input.type : 'no tensor';
  if (type !== 'int64' && type !== 'int32')
    throw invalidGraph(`input '${name}' of type int64 or int32`, type);
  return { name, type };
}

function chooseOutput({ outputNames, outputMetadata }: ort.InferenceSession): string {
  for (const name of ['last_hidden_state', 'token_embeddings']) if (outputNames.includes(name)) return name;
  const ranked = outputMetadata.find((output) => output.isTensor && output.shape.length === 3);
  if (ranked) return ranked.name;
  throw invalidGraph('an output of token vectors (rank 3)', `outputs ${outputNames.join(', ')}`);
}

function invalidGraph(expected: string, actual: string): EmbedlaneError {
  return new EmbedlaneError(
    'ERR_MODEL_INVALID',
    `Expected ${expected} for the ONNX graph but received ${actual}`,
  );
}
