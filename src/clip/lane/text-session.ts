import * as ort from 'onnxruntime-node';
import { runGraph } from '../../runtime/exit-guard.js';
import { invalidGraph } from '../../runtime/graph-errors.js';
import { type GraphInput, graphInput, type TokenBatch } from '../../runtime/graph-inputs.js';
import { graphOutputs, RunOutputs } from '../../runtime/graph-outputs.js';

/** Outputs with one vector per text, best first: CLIP's projection, SigLIP's pooled state. */
const VECTORS = ['text_embeds', 'pooler_output'];

/** A CLIP model's graph from token ids to one vector per text: a tower of its own, or a joint graph. */
export class ClipTextSession {
  readonly output: string;
  readonly #session: ort.InferenceSession;
  readonly #inputs: readonly GraphInput[];
  readonly #pixels: Record<string, ort.Tensor>;

  /** @param size width and height of a picture, of which a joint graph is fed one black one */
  constructor(session: ort.InferenceSession, size: { width: number; height: number }) {
    this.#session = session;
    const inputs = session.inputMetadata;
    this.#inputs = inputs.filter(({ name }) => name !== 'pixel_values').map(graphInput);
    const { width, height } = size;
    this.#pixels = session.inputNames.includes('pixel_values')
      ? {
          pixel_values: new ort.Tensor('float32', new Float32Array(3 * width * height), [
            1,
            3,
            height,
            width,
          ]),
        }
      : {};
    const names = graphOutputs(session).map(({ name }) => name);
    const output = VECTORS.find((name) => names.includes(name));
    if (output === undefined) throw invalidGraph(`an output among ${VECTORS.join(', ')}`, names.join(', '));
    this.output = output;
  }

  /** Runs one batch on this thread. `pixels` replaces the black picture of a joint graph. */
  async run(batch: TokenBatch, outputs: readonly string[] = [this.output]): Promise<RunOutputs> {
    const feeds: Record<string, ort.Tensor> = { ...this.#pixels };
    for (const { name, make } of this.#inputs) feeds[name] = make(batch);
    return new RunOutputs(await runGraph(this.#session, feeds, outputs), batch);
  }
}
