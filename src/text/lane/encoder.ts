import { EmbedlaneError } from '../../core/errors.js';
import { type GraphOutput, type RunOutputs, type TokenBatch, TokenSession } from '../../runtime/session.js';
import type { EncoderParams, LoadParams } from './protocol.js';
import { padSequences, type Sequence, sharedRuns } from './sequences.js';
import { TextTokenizer } from './tokenizer.js';

/** What a graph gives to start from: vectors of tokens, of texts before the model's other modules, or all done. */
export interface Source {
  kind: 'tokens' | 'pooled' | 'finished';
  output: string;
}

/** A Transformer: its tokenizer and its graph. */
export class Encoder {
  readonly tokenizer: TextTokenizer;
  readonly source: Source;
  readonly #session: TokenSession;
  readonly #hasTypeIds: boolean;
  readonly #empty: Sequence;
  readonly #vocabulary: number | undefined;

  private constructor(tokenizer: TextTokenizer, session: TokenSession, vocabulary: number | undefined) {
    this.tokenizer = tokenizer;
    this.source = chooseSource(session.outputs);
    this.#session = session;
    this.#vocabulary = vocabulary;
    this.#hasTypeIds = session.takes('token_type_ids') && tokenizer.hasTypeIds;
    this.#empty = { ids: Int32Array.of(tokenizer.padding.id), typeIds: undefined };
  }

  static async open(
    { modelFile, tokenizer: files, lowercase, maxTokens, paddingPosition, vocabulary }: EncoderParams,
    { session: settings }: LoadParams,
  ): Promise<Encoder> {
    const [tokenizer, session] = await Promise.all([
      TextTokenizer.open({ files, maxTokens, lowercase }),
      TokenSession.open({ file: modelFile, paddingPosition, ...settings }),
    ]);
    return new Encoder(tokenizer, session, vocabulary);
  }

  /** A text that has no token is one of padding. */
  async probe(): Promise<Sequence> {
    const [sequence] = (await this.tokenizer.sequences(['a'])).sequences;
    return sequence.ids.length > 0 ? sequence : this.#empty;
  }

  /**
   * Checks the width of token vectors, of whose output only the rank may be known.
   *
   * @throws {EmbedlaneError} `ERR_MODEL_INVALID` for a width that is that of logits over the vocabulary
   */
  checkWidth(dims: number): void {
    const { output } = this.source;
    if (TOKEN_OUTPUTS.includes(output) || dims !== this.#vocabulary) return;
    throw new EmbedlaneError(
      'ERR_MODEL_INVALID',
      `Expected token vectors of the ONNX graph but its output '${output}' has one value for each of the ` +
        `vocabulary's ${dims} tokens; a sparse model is loaded by SparseEmbedder`,
    );
  }

  /** Cuts sequences, longest first, into such as may share a run, in their order. */
  groups(sequences: readonly Sequence[]): [from: number, to: number][] {
    return sharedRuns(this.#session, sequences);
  }

  /** Pads sequences, longest first, and runs the graph. The caller disposes the outputs. */
  async run(sequences: readonly Sequence[]): Promise<{ batch: TokenBatch; outputs: RunOutputs }> {
    const batch = padSequences(sequences, this.tokenizer.padding, this.#hasTypeIds);
    return { batch, outputs: await this.#session.run(batch, [this.source.output]) };
  }
}

/** Names of token vectors. */
const TOKEN_OUTPUTS = ['last_hidden_state', 'token_embeddings'];
/** Vectors of tokens that are not the last layer's: of each layer, or after bge-m3's other heads. */
const LAYER_OR_HEAD = /^(hidden_states[._]?\d+|sparse_vecs|colbert_vecs)$/;

function chooseSource(outputs: readonly GraphOutput[]): Source {
  const named = (name: string) => outputs.some((output) => output.name === name);
  for (const output of TOKEN_OUTPUTS) if (named(output)) return { kind: 'tokens', output };
  const other = outputs.find(
    ({ name, rank }) => rank === 3 && name !== 'logits' && !LAYER_OR_HEAD.test(name),
  );
  if (other) return { kind: 'tokens', output: other.name };
  // Exports of whole sentence-transformers models end after the last module.
  if (named('sentence_embedding')) return { kind: 'finished', output: 'sentence_embedding' };
  if (named('pooler_output')) return { kind: 'pooled', output: 'pooler_output' };
  const logits = outputs.find(({ name }) => name === 'logits');
  const hint = !logits
    ? ''
    : logits.rank === 2
      ? '; a reranker is loaded by CrossEncoder'
      : '; a sparse model is loaded by SparseEmbedder';
  throw new EmbedlaneError(
    'ERR_MODEL_INVALID',
    'Expected an output last_hidden_state, token_embeddings, sentence_embedding or pooler_output of the ONNX ' +
      `graph but it has ${outputs.map(({ name }) => name).join(', ')}${hint}`,
  );
}
