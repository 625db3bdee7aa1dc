import * as ort from 'onnxruntime-node';
import { invalidGraph } from './graph-errors.js';

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

const TOKEN_INPUTS = ['input_ids', 'attention_mask', 'token_type_ids', 'position_ids'] as const;
export type TokenInput = (typeof TOKEN_INPUTS)[number];

/** Names of the original BERT and of some sparse encoders' exports. */
const ALIASES: Record<string, TokenInput> = { input_mask: 'attention_mask', segment_ids: 'token_type_ids' };

/** Makes the tensor of one input of the graph for a batch. */
export type InputMaker = (batch: TokenBatch) => ort.Tensor;

/** An input of a graph: how it is fed, and which property of the tokens it takes. */
export interface GraphInput {
  name: string;
  /** Undefined for a decoder's cache of keys and values, which is fed empty. */
  takes: TokenInput | undefined;
  make: InputMaker;
}

/**
 * Decides how an input of a graph is fed.
 *
 * @param paddingPosition position of padding and id of its token, where positions of tokens count from the next one;
 *   undefined where they count from 0
 * @throws {EmbedlaneError} `ERR_MODEL_INVALID` for an input that token ids cannot feed
 */
export function graphInput(
  input: ort.InferenceSession.ValueMetadata,
  paddingPosition: number | undefined,
): GraphInput {
  const { name } = input;
  if (name.startsWith('past_key_values.')) return { name, takes: undefined, make: emptyCache(input) };
  const takes = ALIASES[name] ?? TOKEN_INPUTS.find((known) => known === name);
  if (takes === undefined) throw invalidGraph(`inputs among ${TOKEN_INPUTS.join(', ')}`, `'${name}'`);
  const type = input.isTensor ? input.type : 'no tensor';
  if (type !== 'int64' && type !== 'int32')
    throw invalidGraph(`input '${name}' of type int64 or int32`, type);
  return {
    name,
    takes,
    make: (batch) => integerTensor(type, inputValues(takes, batch, paddingPosition), batch),
  };
}

function inputValues(
  name: TokenInput,
  batch: TokenBatch,
  paddingPosition: number | undefined,
): ArrayLike<number> {
  switch (name) {
    case 'input_ids':
      return batch.ids;
    case 'attention_mask':
      return batch.mask;
    case 'token_type_ids':
      return batch.typeIds;
    case 'position_ids':
      return paddingPosition === undefined ? positions(batch) : positionsAfter(paddingPosition, batch);
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

/** transformers' `create_position_ids_from_input_ids`: a padding token that a text spells out is padding to it, too. */
function positionsAfter(padding: number, { batch, sequence, ids }: TokenBatch): Int32Array {
  const out = new Int32Array(batch * sequence);
  for (let row = 0; row < batch; row++) {
    let next = padding + 1;
    for (let i = row * sequence; i < (row + 1) * sequence; i++)
      out[i] = ids[i] === padding ? padding : next++;
  }
  return out;
}

function integerTensor(
  type: 'int64' | 'int32',
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

/**
 * Generation exports of decoders take the keys and values of earlier tokens, `[batch, heads, past, width]`; an
 * embedding has none.
 */
function emptyCache(input: ort.InferenceSession.ValueMetadata): InputMaker {
  const { name } = input;
  const [, heads, , width] = input.isTensor ? input.shape : [];
  const type = input.isTensor ? input.type : 'no tensor';
  if (typeof heads !== 'number' || typeof width !== 'number' || (type !== 'float32' && type !== 'float16')) {
    throw invalidGraph(`input '${name}' of shape [batch, heads, past, width] and floating-point type`, type);
  }
  return ({ batch }) => {
    const data = type === 'float32' ? new Float32Array(0) : new Uint16Array(0);
    return new ort.Tensor(type, data as Float32Array, [batch, heads, 0, width]);
  };
}
