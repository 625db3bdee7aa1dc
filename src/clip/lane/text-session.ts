import type * as ort from 'onnxruntime-node';
import { runGraph } from '../../runtime/exit-guard.js';
import { invalidGraph } from '../../runtime/graph-errors.js';
import { type GraphInput, graphInput, type TokenBatch } from '../../runtime/graph-inputs.js';
import { graphOutputs, RunOutputs } from '../../runtime/graph-outputs.js';

/** Outputs with one vector per text, best first: the projection of CLIP and CLAP, SigLIP's pooled state. */
const VECTORS = ['text_embeds', 'pooler_output'];

/** The graph of CLIP and its kin from token ids to one vector per text: a tower of its own, or a joint graph. */
export class ClipTextSession {
  readonly output: string;
  readonly #session: ort.InferenceSession;
  readonly #inputs: readonly GraphInput[];
  readonly #others: Record<string, ort.Tensor>;

  /** @param others what a joint graph is fed beside texts: one picture, or one sound */
  constructor(session: ort.InferenceSession, others: Record<string, ort.Tensor>) {
    this.#session = session;
    const { inputMetadata, inputNames } = session;
    this.#inputs = inputMetadata
      .filter(({ name }) => !(name in others))
      .map((input) => graphInput(input, undefined));
    this.#others = Object.fromEntries(Object.entries(others).filter(([name]) => inputNames.includes(name)));
    const names = graphOutputs(session).map(({ name }) => name);
    const output = VECTORS.find((name) => names.includes(name));
    if (output === undefined) throw invalidGraph(`an output among ${VECTORS.join(', ')}`, names.join(', '));
    this.output = output;
  }

  /** Runs one batch on this thread. */
  async run(batch: TokenBatch, outputs: readonly string[] = [this.output]): Promise<RunOutputs> {
    const feeds: Record<string, ort.Tensor> = { ...this.#others };
    for (const { name, make } of this.#inputs) feeds[name] = make(batch);
    return new RunOutputs(await runGraph(this.#session, feeds, outputs), batch);
  }
}
