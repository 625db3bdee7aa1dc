import * as ort from 'onnxruntime-node';
import { audioError } from '../../audio/decode/pcm.js';
import { type ClapFeatureConfig, ClapFeatureExtractor } from '../../audio/features/clap.js';
import { FUSED, FusedSpectrograms } from '../../audio/features/clap-fusion.js';
import type { PreparedSound, WindowModel } from '../../audio/lane/windowed.js';
import type { AudioWindow } from '../../audio/windows.js';
import { EmbedlaneError } from '../../core/errors.js';
import { runGraph } from '../../runtime/exit-guard.js';
import { invalidGraph } from '../../runtime/graph-errors.js';
import { floats } from '../../runtime/graph-outputs.js';

const INPUT = 'input_features';
/** What a graph with fusion is told beside: whether the spectrograms of parts count. */
const LONGER = 'is_longer';
const OUTPUT = 'audio_embeds';

/** Feature extractor and audio graph of a CLAP model, inside a lane. */
export class ClapAudioModel implements WindowModel {
  readonly #session: ort.InferenceSession;
  readonly #features: ClapFeatureExtractor;
  readonly #threads: number;

  constructor(session: ort.InferenceSession, features: ClapFeatureConfig, threads: number) {
    const { inputMetadata, inputNames, outputNames } = session;
    const known: readonly string[] = features.fusion ? [INPUT, LONGER] : [INPUT];
    if (!inputNames.includes(INPUT) || !inputNames.every((name) => known.includes(name))) {
      throw invalidGraph(`inputs ${known.join(', ')} alone`, inputNames.join(', '));
    }
    const input = inputMetadata.find(({ name }) => name === INPUT);
    const wanted = features.fusion ? FUSED : 1;
    const channels = input?.isTensor ? input.shape[1] : undefined;
    if (typeof channels === 'number' && channels !== wanted) {
      throw invalidGraph(
        `an input '${INPUT}' of ${wanted} spectrograms, as preprocessor_config.json has it`,
        String(channels),
      );
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

  /** What a graph is fed for silence. */
  async silence(): Promise<Record<string, ort.Tensor>> {
    return this.#feeds(await this.#window(new Float32Array(1)));
  }

  /** Width of an embedding, found by running silence. */
  async probe(): Promise<number> {
    return (await this.embed(new Float32Array(1))).data.length;
  }

  async embed(samples: Float32Array) {
    return { frames: samples.length, data: await this.#run(await this.#window(samples)) };
  }

  /** Reads a sound that is longer than a window twice: where its parts are is known at its end only. */
  async prepareWhole(read: () => AsyncIterable<AudioWindow>): Promise<PreparedSound> {
    let first = new Float32Array(0);
    let total = 0;
    for await (const { samples } of read()) {
      if (total === 0) first = samples as Float32Array<ArrayBuffer>;
      total += samples.length;
    }
    const values = total <= this.windowSamples ? await this.#window(first) : await this.#fused(read(), total);
    return {
      end: total / this.sampleRate,
      embed: async () => ({ frames: total, data: await this.#run(values) }),
    };
  }

  /** Spectrograms of a sound that fits a window, `[channels, frames, mels]`. */
  async #window(samples: Float32Array): Promise<Float32Array<ArrayBuffer>> {
    const values = await this.#features.extract(samples, this.#threads);
    if (!this.#features.config.fusion) return values;
    const copies = new Float32Array(FUSED * values.length);
    for (let at = 0; at < copies.length; at += values.length) copies.set(values, at);
    return copies;
  }

  async #fused(windows: AsyncIterable<AudioWindow>, total: number): Promise<Float32Array<ArrayBuffer>> {
    const spectrograms = new FusedSpectrograms(this.#features, total, this.#threads);
    let read = 0;
    for await (const { samples } of windows) {
      read += samples.length;
      if (read > total) break;
      await spectrograms.push(samples);
    }
    if (read !== total) throw audioError('a file that stays as it is while it is read', 'one that changed');
    return spectrograms.end();
  }

  async #run(values: Float32Array<ArrayBuffer>): Promise<Float32Array> {
    const outputs = await runGraph(this.#session, this.#feeds(values), [OUTPUT]);
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
      return data;
    } finally {
      tensor.dispose();
    }
  }

  #feeds(values: Float32Array<ArrayBuffer>): Record<string, ort.Tensor> {
    const { frames, config } = this.#features;
    const channels = values.length / (frames * config.mels);
    const feeds = { [INPUT]: new ort.Tensor('float32', values, [1, channels, frames, config.mels]) };
    if (!this.#session.inputNames.includes(LONGER)) return feeds;
    // transformers says so of at least one sound of a call, and these are calls of one.
    return { ...feeds, [LONGER]: new ort.Tensor('bool', Uint8Array.of(1), [1, 1]) };
  }
}
