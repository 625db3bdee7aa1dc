import * as ort from 'onnxruntime-node';
import { EmbedlaneError } from '../../core/errors.js';
import { loadBinding } from '../../native/load.js';
import { runGraph } from '../../runtime/exit-guard.js';
import { invalidGraph } from '../../runtime/graph-errors.js';
import { openSession } from '../../runtime/open-session.js';
import { WhisperFeatureExtractor, type WhisperFeatures } from '../features/whisper.js';
import type { Loaded, LoadParams, WindowParams } from './protocol.js';
import type { WindowModel } from './windowed.js';

/** States of the encoder for one window, row-major `[frames, dims]`. */
interface States {
  data: Float32Array;
  frames: number;
  dims: number;
  /** Leading frames that heard something other than the silence at the end. */
  valid: number;
}

/** Feature extractor, encoder and decoder of a Whisper model, inside a lane. */
export class WhisperModel implements WindowModel {
  readonly #features: WhisperFeatureExtractor;
  readonly #encoder: ort.InferenceSession;
  readonly #decoder: ort.InferenceSession | undefined;
  readonly #params: LoadParams;

  private constructor(
    encoder: ort.InferenceSession,
    decoder: ort.InferenceSession | undefined,
    params: LoadParams,
  ) {
    this.#features = new WhisperFeatureExtractor(params.features);
    this.#encoder = encoder;
    this.#decoder = decoder;
    this.#params = params;
  }

  static async open(params: LoadParams): Promise<WhisperModel> {
    const { encoderFile, decoderFile, session } = params;
    const [encoder, decoder] = await Promise.all([
      openSession({ file: encoderFile, ...session }),
      decoderFile === undefined ? undefined : openSession({ file: decoderFile, ...session }),
    ]);
    requireNames('inputs', encoder.inputNames, ['input_features']);
    requireNames('outputs', encoder.outputNames, ['last_hidden_state']);
    if (decoder) {
      requireNames('inputs', decoder.inputNames, ['input_ids', 'encoder_hidden_states']);
      requireNames('outputs', decoder.outputNames, ['last_hidden_state']);
    }
    return new WhisperModel(encoder, decoder, params);
  }

  /** Runs silence through the encoder, so that what does not fit together is found at load. */
  async probe(): Promise<Loaded> {
    const states = await this.#encode(await this.#features.extract(new Float32Array(1)));
    // The encoder has run a full window by now, whatever is asked for.
    if (this.#decoder && this.#params.session.warmUp) await this.#decode(states, [0]);
    return { dimensions: states.dims };
  }

  get sampleRate(): number {
    return this.#params.features.sampleRate;
  }

  get windowSamples(): number {
    return this.#params.features.windowSamples;
  }

  async embed(samples: Float32Array, params: WindowParams) {
    const features = await this.#features.extract(samples, Math.max(1, this.#params.session.threads));
    return this.#output(await this.#encode(features), params);
  }

  async #encode({ values, frames, validFrames }: WhisperFeatures): Promise<States> {
    const input = new ort.Tensor('float32', values, [1, this.#params.features.mels, frames]);
    const outputs = await runGraph(this.#encoder, { input_features: input }, ['last_hidden_state']);
    const { data, dims } = floats(outputs.last_hidden_state);
    // The second convolution has stride 2.
    const valid = Math.max(1, Math.floor((validFrames - 1) / 2) + 1);
    return { data, frames: dims[1], dims: dims[2], valid: Math.min(valid, dims[1]) };
  }

  async #output(states: States, { output, padding, decoderInputIds }: WindowParams) {
    const frames = padding ? states.frames : states.valid;
    const used = states.data.subarray(0, frames * states.dims);
    if (output === 'frames') return { frames, data: used };
    if (output === 'decoder') return { frames, data: await this.#decode(states, decoderInputIds) };
    const mask = new Uint8Array(frames).fill(1);
    const data = loadBinding().pool(used, mask, 1, frames, states.dims, ['mean'], false, null);
    return { frames, data };
  }

  async #decode({ data, frames, dims }: States, ids: number[]): Promise<Float32Array> {
    const decoder = this.#decoder as ort.InferenceSession;
    const outputs = await runGraph(
      decoder,
      {
        input_ids: new ort.Tensor('int64', BigInt64Array.from(ids, BigInt), [1, ids.length]),
        encoder_hidden_states: new ort.Tensor('float32', data, [1, frames, dims]),
      },
      ['last_hidden_state'],
    );
    return floats(outputs.last_hidden_state).data;
  }
}

function floats(tensor: ort.Tensor): { data: Float32Array; dims: readonly number[] } {
  if (tensor.type !== 'float32' || tensor.dims.length !== 3) {
    throw invalidGraph(
      "an output 'last_hidden_state' of float32 and rank 3",
      `${tensor.type} [${tensor.dims}]`,
    );
  }
  const data = tensor.data as Float32Array;
  if (!data.every(Number.isFinite)) {
    throw new EmbedlaneError(
      'ERR_MODEL_INVALID',
      'Expected finite states but the model computed NaN or infinity',
    );
  }
  return { data, dims: tensor.dims };
}

function requireNames(kind: string, names: readonly string[], wanted: string[]): void {
  const lacking = wanted.filter((name) => !names.includes(name));
  if (lacking.length > 0) throw invalidGraph(`${kind} ${wanted.join(', ')}`, names.join(', '));
}
