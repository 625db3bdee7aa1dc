import type * as ort from 'onnxruntime-node';
import { runGraph } from './exit-guard.js';
import { invalidGraph, runsOne } from './graph-errors.js';
import { type GraphInput, graphInput, type TokenBatch, type TokenInput } from './graph-inputs.js';
import { type GraphOutput, graphOutputs, RunOutputs } from './graph-outputs.js';
import { laneGarbage } from './lane-garbage.js';
import { openSession, type SessionOptions } from './open-session.js';

export type { TokenBatch } from './graph-inputs.js';
export type { GraphOutput, OutputValues, OutputVectors, RunOutputs } from './graph-outputs.js';

/** How to open a graph that takes token ids. */
export interface TokenSessionOptions extends SessionOptions {
  /** Position of padding, where `position_ids` of tokens count from the next one, as RoBERTa's do. */
  paddingPosition?: number | undefined;
}

/** An ONNX graph that takes token ids. */
export class TokenSession {
  /** What the graph computes. */
  readonly outputs: readonly GraphOutput[];
  /** Whether a batch must be of one sequence, as the graph was exported. */
  readonly runsOne: boolean;
  readonly #session: ort.InferenceSession;
  readonly #inputs: readonly GraphInput[];

  private constructor(session: ort.InferenceSession, paddingPosition: number | undefined) {
    this.#session = session;
    this.#inputs = session.inputMetadata.map((input) => graphInput(input, paddingPosition));
    this.outputs = graphOutputs(session);
    this.runsOne = session.inputMetadata.some(runsOne);
    const ids = session.inputMetadata.find(({ name }) => name === 'input_ids');
    const length = ids?.isTensor ? ids.shape[1] : undefined;
    if (typeof length === 'number' && length > 0)
      throw invalidGraph("input 'input_ids' of any sequence length", `${length}, which its export fixed`);
    if (!this.takes('input_ids')) throw invalidGraph("an input 'input_ids'", session.inputNames.join(', '));
  }

  /** @throws {EmbedlaneError} `ERR_MODEL_INVALID` if the file is no graph of this kind */
  static async open({ paddingPosition, ...options }: TokenSessionOptions): Promise<TokenSession> {
    return new TokenSession(await openSession(options), paddingPosition);
  }

  /** Whether the graph has an input for this property of tokens. */
  takes(input: TokenInput): boolean {
    return this.#inputs.some(({ takes }) => takes === input);
  }

  /**
   * Runs one batch on this thread. The event loop turns before the run but not during it.
   *
   * @param outputs names of the outputs to compute, among {@link outputs}; what only others need is skipped
   */
  async run(batch: TokenBatch, outputs: readonly string[]): Promise<RunOutputs> {
    const feeds: Record<string, ort.Tensor> = {};
    for (const { name, make } of this.#inputs) feeds[name] = make(batch);
    const values = await runGraph(this.#session, feeds, outputs);
    laneGarbage.runEnded();
    return new RunOutputs(values, batch);
  }
}
