import * as ort from 'onnxruntime-node';
import { EmbedlaneError } from '../core/errors.js';
import { invalidGraph } from './graph-errors.js';
import { type GraphInput, graphInput, type TokenBatch, type TokenInput } from './graph-inputs.js';
import { type GraphOutput, graphOutputs, RunOutputs } from './graph-outputs.js';

export type { TokenBatch } from './graph-inputs.js';
export type { GraphOutput, OutputValues, OutputVectors, RunOutputs } from './graph-outputs.js';

export interface SessionOptions {
  /** Absolute path of the `.onnx` file. */
  file: string;
  /** Threads within an operator; 0 lets onnxruntime count the physical cores. */
  threads: number;
  /** Microseconds for which a thread without work keeps its core busy before it sleeps; 0 for not at all. */
  spin: number;
}

/** An ONNX graph that takes token ids. */
export class TokenSession {
  /** What the graph computes. */
  readonly outputs: readonly GraphOutput[];
  readonly #session: ort.InferenceSession;
  readonly #inputs: readonly GraphInput[];

  private constructor(session: ort.InferenceSession) {
    this.#session = session;
    this.#inputs = session.inputMetadata.map(graphInput);
    this.outputs = graphOutputs(session);
    if (!this.takes('input_ids')) throw invalidGraph("an input 'input_ids'", session.inputNames.join(', '));
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
      throw refused(file, cause as Error);
    }
    return new TokenSession(session);
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
    return new RunOutputs(await this.#session.run(feeds, [...outputs]), batch);
  }
}

/**
 * onnxruntime's own checks are the ones that count here, also those of external data: it reads none from
 * outside the folder of the graph.
 */
function refused(file: string, cause: Error): EmbedlaneError {
  const why = /external data/i.test(cause.message) ? `: ${cause.message}` : '';
  return new EmbedlaneError(
    'ERR_MODEL_INVALID',
    `Expected a valid ONNX model in ${file} but onnxruntime refused it${why}`,
    { cause },
  );
}
