import * as ort from 'onnxruntime-node';
import { type ClapFeatureConfig, ClapFeatureExtractor } from '../../audio/features/clap.js';
import type { WindowModel } from '../../audio/lane/windowed.js';
import { EmbedlaneError } from '../../core/errors.js';
import { runGraph } from '../../runtime/exit-guard.js';
import { invalidGraph } from '../../runtime/graph-errors.js';
import { floats } from '../../runtime/graph-outputs.js';

const INPUT = 'input_features';
const OUTPUT = 'audio_embeds';

/** Feature extractor and audio graph of a CLAP model, inside a lane. */
export class ClapAudioModel implements WindowModel {
  readonly #session: ort.InferenceSession;
  readonly #features: ClapFeatureExtractor;
  readonly #threads: number;

  constructor(session: ort.InferenceSession, features: ClapFeatureConfig, threads: number) {
    const { inputNames, outputNames } = session;
    if (inputNames.length !== 1 || inputNames[0] !== INPUT) {
      throw invalidGraph(`an input '${INPUT}' alone`, inputNames.join(', '));
    }
    if (!outputNames.includes(OUTPUT)) throw invalidGraph(`an output '${OUTPUT}'`, outputNames.join(', '));
    this.#session = session;
    this.#features = new ClapFeatureExtractor(features);
    this.#threads = Math.max(1, threads);
  }

  get sampleRate(): number {
    return this.#features.config.sampleRate;
  }

  get windowSamples(): number {
    return this.#features.config.windowSamples;
  }

  /** The graph's input for silence. */
  async silence(): Promise<ort.Tensor> {
    return this.#tensor(await this.#features.extract(new Float32Array(1), this.#threads));
  }

  /** Width of an embedding, found by running silence. */
  async probe(): Promise<number> {
    return (await this.embed(new Float32Array(1))).data.length;
  }

  async embed(samples: Float32Array) {
    const input = this.#tensor(await this.#features.extract(samples, this.#threads));
    const outputs = await runGraph(this.#session, { [INPUT]: input }, [OUTPUT]);
    const tensor = outputs[OUTPUT];
    try {
      if (tensor.dims.length !== 2 || tensor.dims[0] !== 1) {
        throw invalidGraph(`output '${OUTPUT}' of shape [1, dims]`, `[${tensor.dims.join(', ')}]`);
      }
      const data = floats(tensor, OUTPUT).slice();
      if (!data.every(Number.isFinite)) {
        throw new EmbedlaneError(
          'ERR_MODEL_INVALID',
          'Expected finite embeddings but the model computed NaN or infinity',
        );
      }
      return { frames: samples.length, data };
    } finally {
      tensor.dispose();
    }
  }

  #tensor(values: Float32Array): ort.Tensor {
    const { frames, config } = this.#features;
    return new ort.Tensor('float32', values, [1, 1, frames, config.mels]);
  }
}
