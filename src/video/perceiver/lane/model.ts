import * as ort from 'onnxruntime-node';
import { EmbedlaneError } from '../../../core/errors.js';
import { inputGeometry } from '../../../image/geometry.js';
import { PreparationPool } from '../../../image/lane/pool.js';
import type { Prepared } from '../../../image/lane/prepare.js';
import { runGraph } from '../../../runtime/exit-guard.js';
import { invalidGraph } from '../../../runtime/graph-errors.js';
import { floats } from '../../../runtime/graph-outputs.js';
import { openSession } from '../../../runtime/open-session.js';
import type { ClipStates, EmbedParams, Loaded, LoadParams } from './protocol.js';

const STATES = 'last_hidden_state';
const LOGITS = ['label_logits', 'logits'];
const INPUTS = ['image', 'audio', 'label'];

/** A multimodal Perceiver's graph, inside a lane. */
export class PerceiverModel {
  readonly #session: ort.InferenceSession;
  readonly #pool: PreparationPool;
  readonly #params: LoadParams;
  readonly #logits: string | undefined;
  readonly #others: Record<string, ort.Tensor>;

  private constructor(session: ort.InferenceSession, pool: PreparationPool, params: LoadParams) {
    this.#session = session;
    this.#pool = pool;
    this.#params = params;
    const { inputNames, outputNames } = session;
    const lacking = INPUTS.filter((name) => !inputNames.includes(name));
    if (lacking.length > 0) throw invalidGraph(`inputs ${INPUTS.join(', ')}`, inputNames.join(', '));
    if (!outputNames.includes(STATES)) throw invalidGraph(`an output '${STATES}'`, outputNames.join(', '));
    this.#logits = LOGITS.find((name) => outputNames.includes(name));
    this.#others = otherInputs(session);
  }

  static async open(params: LoadParams): Promise<PerceiverModel> {
    const session = await openSession({ file: params.modelFile, ...params.session });
    return new PerceiverModel(
      session,
      await PreparationPool.start(params.workers, params.preparation),
      params,
    );
  }

  /** Runs darkness and silence, so that what does not fit together is found at load. */
  async probe(): Promise<Loaded> {
    const { frames, audioSamples, preparation } = this.#params;
    const { x, y } = inputGeometry(preparation.preprocessing, 224, 224, preparation.heightFirst);
    const dark = { data: new Float32Array(3 * x.window * y.window), width: x.window, height: y.window };
    const { states, logits } = await this.#run(
      Array.from({ length: frames }, () => dark),
      new Float32Array(audioSamples),
    );
    return { latents: states.dims[1], dimensions: states.dims[2], classes: logits.length };
  }

  cancel(job: number): void {
    this.#pool.cancel(job);
  }

  async embed({ job, images, audio }: EmbedParams): Promise<ClipStates> {
    const frames = await Promise.all(images.map((image) => this.#pool.prepare(job, image)));
    const { states, logits } = await this.#run(frames, audio);
    const latents = floats(states, STATES);
    if (!latents.every(Number.isFinite)) {
      throw new EmbedlaneError(
        'ERR_MODEL_INVALID',
        'Expected finite states but the model computed NaN or infinity',
      );
    }
    return { latents, logits };
  }

  async #run(frames: readonly Prepared[], audio: Float32Array) {
    const [{ width, height }] = frames;
    const size = 3 * width * height;
    const pixels = new Float32Array(frames.length * size);
    for (const [i, { data }] of frames.entries()) pixels.set(data, i * size);
    const feeds = {
      ...this.#others,
      image: new ort.Tensor('float32', pixels, [1, frames.length, 3, height, width]),
      audio: new ort.Tensor('float32', audio, [1, audio.length, 1]),
    };
    const outputs = await runGraph(this.#session, feeds, this.#logits ? [STATES, this.#logits] : [STATES]);
    const states = outputs[STATES];
    if (states.dims.length !== 3) throw invalidGraph(`output '${STATES}' of rank 3`, `[${states.dims}]`);
    const logits = this.#logits ? floats(outputs[this.#logits], this.#logits) : new Float32Array(0);
    return { states, logits };
  }
}

/**
 * A label of zeros, which is what the model is to find; and where a graph can be told which points of its output to
 * decode, one point, because the states that become the vector come before all decoding.
 */
function otherInputs(session: ort.InferenceSession): Record<string, ort.Tensor> {
  const others: Record<string, ort.Tensor> = {};
  for (const input of session.inputMetadata) {
    const { name } = input;
    if (name === 'image' || name === 'audio') continue;
    const shape = input.isTensor ? input.shape : [];
    const type = input.isTensor ? input.type : 'no tensor';
    const width = shape[1];
    if (name === 'label' && type === 'float32' && typeof width === 'number') {
      others[name] = new ort.Tensor('float32', new Float32Array(width), [1, width]);
    } else if (type === 'int64' && shape.length === 1) {
      others[name] = new ort.Tensor('int64', BigInt64Array.of(0n), [1]);
    } else {
      throw invalidGraph(
        `inputs ${INPUTS.join(', ')} and lists of output points`,
        `'${name}' of type ${type}`,
      );
    }
  }
  return others;
}
