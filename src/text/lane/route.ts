import { EmbedlaneError } from '../../core/errors.js';
import type { NativeBinding } from '../../native/binding.js';
import type { OutputVectors, RunOutputs, TokenBatch } from '../../runtime/session.js';
import type { Encoder } from './encoder.js';
import type { ModuleChain } from './modules/chain.js';
import type { OutputKind } from './protocol.js';
import type { Sequence } from './sequences.js';
import { spanMeans, type TokenSpan } from './spans.js';

/** How rows are to come out. */
export interface RowFormat {
  output: OutputKind;
  truncateDim: number | undefined;
  normalize: boolean;
  /** Leading tokens that pooling leaves out. */
  excluded: number;
}

const PLAIN: RowFormat = { output: 'sentence', truncateDim: undefined, normalize: false, excluded: 0 };

/** One way from a text to its vector: a Transformer and the modules after it. */
export class Route {
  readonly encoder: Encoder;
  readonly #chain: ModuleChain;
  readonly #binding: NativeBinding;

  constructor(encoder: Encoder, chain: ModuleChain, binding: NativeBinding) {
    this.encoder = encoder;
    this.#chain = chain;
    this.#binding = binding;
  }

  get includesPrompt(): boolean {
    return this.#chain.includesPrompt;
  }

  /**
   * Runs one token through everything, so that what does not fit together is found at load and not with a
   * user's first text.
   *
   * @returns width of an embedding, and of a token's where the graph has them
   */
  async probe(): Promise<{ dimensions: number; tokenDimensions: number | undefined }> {
    const { batch, outputs } = await this.encoder.run([await this.encoder.probe()]);
    try {
      // Of its tokens first: normalising them overwrites the session's memory.
      const tokenDimensions =
        this.encoder.source.kind === 'tokens'
          ? outputs.tokenVectors(this.encoder.source.output).dims
          : undefined;
      if (tokenDimensions !== undefined) this.encoder.checkWidth(tokenDimensions);
      const { data, dims } = this.#textRows(batch, outputs, PLAIN);
      assertFinite(data);
      return { dimensions: dims, tokenDimensions: tokenDimensions && this.#chain.tokenDims(tokenDimensions) };
    } finally {
      outputs.dispose();
    }
  }

  /** Sequences, longest first, to rows: one run of the model, unless it has no mask. */
  async embed(sequences: readonly Sequence[], format: RowFormat): Promise<OutputVectors> {
    return this.#inGroups(sequences, (from, to) => this.#embedGroup(sequences.slice(from, to), format));
  }

  async #embedGroup(sequences: readonly Sequence[], format: RowFormat): Promise<OutputVectors> {
    const { batch, outputs } = await this.encoder.run(sequences);
    let rows: OutputVectors;
    try {
      rows =
        format.output === 'token'
          ? this.#tokenRows(batch, outputs, format)
          : this.#textRows(batch, outputs, format);
    } finally {
      outputs.dispose();
    }
    assertFinite(rows.data);
    return rows;
  }

  /**
   * Late chunking: a row for each span of each sequence, the mean of its tokens' vectors taken through the modules
   * after the pooling.
   */
  async embedSpans(
    sequences: readonly Sequence[],
    spans: readonly TokenSpan[][],
    format: RowFormat,
  ): Promise<OutputVectors> {
    return this.#inGroups(sequences, (from, to) =>
      this.#embedGroupSpans(sequences.slice(from, to), spans.slice(from, to), format),
    );
  }

  async #embedGroupSpans(
    sequences: readonly Sequence[],
    spans: readonly TokenSpan[][],
    format: RowFormat,
  ): Promise<OutputVectors> {
    const { batch, outputs } = await this.encoder.run(sequences);
    let means: OutputVectors;
    try {
      const tokens = this.#chain.tokens(outputs.tokenVectors(this.encoder.source.output));
      means = spanMeans(batch, tokens, spans);
    } finally {
      outputs.dispose();
    }
    const rows = this.#finish(this.#chain.pooled(means), format);
    assertFinite(rows.data);
    return rows;
  }

  async #inGroups(
    sequences: readonly Sequence[],
    embed: (from: number, to: number) => Promise<OutputVectors>,
  ): Promise<OutputVectors> {
    const parts: OutputVectors[] = [];
    for (const [from, to] of this.encoder.groups(sequences)) parts.push(await embed(from, to));
    return parts.length === 1 ? parts[0] : endToEnd(parts);
  }

  /** The model's modules, the cut to fewer dimensions and the caller's normalisation, in this order. */
  #textRows(batch: TokenBatch, outputs: RunOutputs, format: RowFormat) {
    const { kind, output } = this.encoder.source;
    let vectors: OutputVectors;
    if (kind === 'tokens') vectors = this.#chain.texts(batch, outputs.tokenVectors(output), format.excluded);
    else if (kind === 'pooled') vectors = this.#chain.pooled(copy(outputs.textVectors(output)));
    else vectors = copy(outputs.textVectors(output));
    return this.#finish(vectors, format);
  }

  #finish(vectors: OutputVectors, { truncateDim, normalize }: RowFormat): OutputVectors {
    const cut = cutRows(vectors, truncateDim);
    if (normalize && (cut !== vectors || !this.#chain.normalizes)) {
      this.#binding.normalizeRows(cut.data, cut.dims);
    }
    return cut;
  }

  /** Vectors of the tokens themselves, padding left out. */
  #tokenRows(batch: TokenBatch, outputs: RunOutputs, { truncateDim, normalize }: RowFormat) {
    const hidden = this.#chain.tokens(outputs.tokenVectors(this.encoder.source.output));
    const packed = cutRows(packRows(batch, hidden), truncateDim);
    if (normalize) this.#binding.normalizeRows(packed.data, packed.dims);
    return packed;
  }
}

/** The rows of real tokens, end to end. */
function packRows({ mask }: TokenBatch, { data, dims }: OutputVectors): OutputVectors {
  const out = new Float32Array(mask.reduce((sum, flag) => sum + flag, 0) * dims);
  let to = 0;
  mask.forEach((flag, token) => {
    if (!flag) return;
    out.set(data.subarray(token * dims, (token + 1) * dims), to);
    to += dims;
  });
  return { data: out, dims };
}

function endToEnd(parts: readonly OutputVectors[]): OutputVectors {
  const data = new Float32Array(parts.reduce((sum, part) => sum + part.data.length, 0));
  let to = 0;
  for (const part of parts) {
    data.set(part.data, to);
    to += part.data.length;
  }
  return { data, dims: parts[0].dims };
}

/** The session's memory is reused; rows travel on. */
function copy({ data, dims }: OutputVectors): OutputVectors {
  return { data: data.slice(), dims };
}

/** The first `kept` dimensions of each row; the same vectors if that is all of them. */
function cutRows(vectors: OutputVectors, kept: number | undefined): OutputVectors {
  const { data, dims } = vectors;
  if (kept === undefined || kept >= dims) return vectors;
  const out = new Float32Array((data.length / dims) * kept);
  for (let from = 0, to = 0; from < data.length; from += dims, to += kept) {
    out.set(data.subarray(from, from + kept), to);
  }
  return { data: out, dims: kept };
}

function assertFinite(data: Float32Array): void {
  // Any NaN or infinity makes the sum NaN: x · 0 is 0 for finite x and NaN for the rest.
  let sum = 0;
  for (let i = 0; i < data.length; i++) sum += data[i] * 0;
  if (sum === 0) return;
  throw new EmbedlaneError(
    'ERR_MODEL_INVALID',
    'Expected finite embeddings but the model computed NaN or infinity',
  );
}
