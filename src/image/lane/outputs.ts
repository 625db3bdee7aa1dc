import { EmbedlaneError } from '../../core/errors.js';
import type { GraphOutput } from '../../runtime/session.js';
import type { ImagePooling } from './protocol.js';

/** An output of a graph, and what makes one vector of it. */
export interface ImageOutput {
  name: string;
  /** `'none'` for vectors; `'cls'` and `'mean'` for tokens `[batch, tokens, dims]` or maps `[batch, dims, h, w]`. */
  reduce: 'none' | 'cls' | 'mean';
}

/** Names under which exports give one vector per picture, best first. */
const VECTORS = ['image_embeds', 'embeddings', 'features'];
const POOLED = ['pooler_output'];
const STATES = ['last_hidden_state'];
/** Their pooler is trained for nothing in most checkpoints; the class token is what the model is used by. */
const CLASS_TOKEN_TYPES = ['vit', 'deit', 'beit', 'vit_mae'];

/**
 * Chooses the outputs to use.
 *
 * @param pooling the caller's wish, if there is one
 * @throws {EmbedlaneError} `ERR_MODEL_INVALID` if the graph cannot do what is wished
 */
export function chooseOutputs(
  outputs: readonly GraphOutput[],
  modelType: string,
  pooling: ImagePooling | undefined,
): { features: ImageOutput | undefined; logits: ImageOutput | undefined } {
  const named = (names: readonly string[]) =>
    names
      .map((name) => outputs.find((output) => output.name === name))
      .find((output) => output !== undefined);
  const logits = named(['logits']);
  return {
    features: chooseFeatures(),
    logits: logits && { name: logits.name, reduce: 'none' },
  };

  function chooseFeatures(): ImageOutput | undefined {
    const pooled = named(POOLED);
    const states = named(STATES);
    if (pooling !== undefined) {
      const wanted = pooling === 'pooler' ? pooled : states;
      if (wanted) return { name: wanted.name, reduce: pooling === 'pooler' ? 'none' : pooling };
      const names = outputs.map(({ name }) => name).join(', ');
      throw new EmbedlaneError(
        'ERR_MODEL_INVALID',
        `Expected ${pooling === 'pooler' ? POOLED[0] : STATES[0]} among the ONNX graph's outputs for pooling '${pooling}' but found ${names}`,
      );
    }
    const vectors = named(VECTORS);
    if (vectors) return { name: vectors.name, reduce: 'none' };
    if (states && CLASS_TOKEN_TYPES.includes(modelType)) return { name: states.name, reduce: 'cls' };
    if (pooled) return { name: pooled.name, reduce: 'none' };
    // A map of a convolutional network has rank 4; the mean over its positions is what such networks pool by.
    if (states) return { name: states.name, reduce: states.rank === 4 ? 'mean' : 'cls' };
    const only = outputs.length === 1 && outputs[0].name !== 'logits' ? outputs[0] : undefined;
    return only && { name: only.name, reduce: only.rank === 4 ? 'mean' : only.rank === 3 ? 'cls' : 'none' };
  }
}

/**
 * One vector per picture out of an output's values.
 *
 * @throws {EmbedlaneError} `ERR_MODEL_INVALID` if their shape is another
 */
export function readOutput(
  result: { data: Float32Array; shape: readonly number[] },
  batch: number,
  { name, reduce }: ImageOutput,
): { data: Float32Array; dims: number } {
  const { data, shape } = result;
  if (shape[0] !== batch) throw badShape(name, shape, batch);
  if (reduce === 'none') {
    // Pooled maps keep their height and width of 1.
    const dims = data.length / batch;
    if (shape.slice(2).some((size) => size !== 1)) throw badShape(name, shape, batch);
    return { data: data.slice(), dims };
  }
  if (shape.length === 4) return reduce === 'mean' ? meanOfMap(data, batch, shape[1]) : wrongReduction();
  if (shape.length !== 3) throw badShape(name, shape, batch);
  return reduce === 'cls' ? classToken(data, batch, shape[2]) : meanOfTokens(data, batch, shape[1], shape[2]);

  function wrongReduction(): never {
    throw new EmbedlaneError(
      'ERR_MODEL_INVALID',
      `Expected tokens for pooling 'cls' but output '${name}' is a map`,
    );
  }
}

function classToken(data: Float32Array, batch: number, dims: number) {
  const out = new Float32Array(batch * dims);
  const stride = data.length / batch;
  for (let i = 0; i < batch; i++) out.set(data.subarray(i * stride, i * stride + dims), i * dims);
  return { data: out, dims };
}

function meanOfTokens(data: Float32Array, batch: number, tokens: number, dims: number) {
  const out = new Float32Array(batch * dims);
  for (let i = 0; i < batch; i++) {
    for (let d = 0; d < dims; d++) {
      let sum = 0;
      for (let t = 0; t < tokens; t++) sum += data[(i * tokens + t) * dims + d];
      out[i * dims + d] = sum / tokens;
    }
  }
  return { data: out, dims };
}

function meanOfMap(data: Float32Array, batch: number, dims: number) {
  const out = new Float32Array(batch * dims);
  const positions = data.length / out.length;
  for (let i = 0; i < out.length; i++) {
    let sum = 0;
    for (let p = 0; p < positions; p++) sum += data[i * positions + p];
    out[i] = sum / positions;
  }
  return { data: out, dims };
}

function badShape(name: string, shape: readonly number[], batch: number): EmbedlaneError {
  return new EmbedlaneError(
    'ERR_MODEL_INVALID',
    `Expected output '${name}' with one vector for each of ${batch} pictures but received the shape [${shape.join(', ')}]`,
  );
}
