import { concatFloats } from '../../core/concat.js';
import { Embeddings } from '../../core/embeddings.js';
import type { Spans } from '../lane/protocol.js';
import type { EncodePlan } from '../options.js';
import { type EncodePrecision, quantizeRows } from '../quantization.js';
import { matrixSink, type RowSink, raggedSink } from '../rows.js';
import type { TextLane } from '../text-lane.js';
import { ChunkEmbeddings } from './chunk-embeddings.js';
import { type CutText, cutTexts } from './cut-texts.js';
import type { Chunking } from './options.js';
import { weightedMean } from './weighted-mean.js';
import { windowRange } from './windows.js';

/** What encoding chunks needs of a model. */
export interface ChunkTarget {
  lane: TextLane;
  /** Width of an embedding. */
  dimensions: number;
  /** Whether the model's own vectors have length 1. */
  normalizes: boolean;
  /** Embeds texts under a plan without chunking; resolves to the tokens that the model saw. */
  embed(texts: string[], plan: EncodePlan, sink: RowSink<unknown>): Promise<number>;
}

/** Plain rows, one per text or one per chunk, and the tokens that the model saw. */
interface Encoded {
  rows: Embeddings;
  tokens: number;
}

/** Cuts texts into chunks and embeds them as `plan.chunking` says: one row per text, or a matrix of chunks for each. */
export async function encodeChunks(
  texts: string[],
  { chunking, quantization, ...plan }: EncodePlan,
  target: ChunkTarget,
): Promise<Embeddings<EncodePrecision> | ChunkEmbeddings<EncodePrecision>[]> {
  const { pool, ...limits } = chunking as Chunking;
  const { prompt, route, signal } = plan;
  const cuts = await cutTexts(target.lane, texts, {
    ...limits,
    prompt,
    route,
    signal,
    late: pool === 'late',
  });
  const encode = { mean: meansOfChunks, none: eachChunk, late: lateChunks }[pool];
  const inner = { ...plan, chunking: undefined, quantization: undefined };
  const { rows, tokens } = await encode(texts, cuts, inner, target);
  plan.onUsage?.({ tokens });
  const all = quantization ? await quantizeRows(rows, quantization, signal) : rows;
  return pool === 'mean' ? all : perText(all, cuts);
}

async function meansOfChunks(
  texts: string[],
  cuts: CutText[],
  plan: EncodePlan,
  target: ChunkTarget,
): Promise<Encoded> {
  // A text without chunks is embedded as it is: it still has a vector.
  const parts = cuts.flatMap(({ chunks }, i) =>
    chunks.length === 0 ? texts[i] : chunks.map(({ text }) => text),
  );
  const sink = matrixSink(parts.length, target.dimensions);
  // Cut and scaled after the mean, so that the order of steps is that of a text that is not cut.
  const tokens = await target.embed(parts, { ...plan, truncateDim: undefined, normalize: false }, sink);
  const weights = cuts.map(({ chunks }) => (chunks.length === 0 ? [1] : chunks.map((chunk) => chunk.tokens)));
  return { rows: await weightedMean(sink.finish(), weights, { unit: target.normalizes, ...plan }), tokens };
}

async function eachChunk(
  _texts: string[],
  cuts: CutText[],
  plan: EncodePlan,
  target: ChunkTarget,
): Promise<Encoded> {
  const texts = cuts.flatMap(({ chunks }) => chunks.map(({ text }) => text));
  const sink = matrixSink(texts.length, rowWidth(plan, target));
  const tokens = await target.embed(texts, plan, sink);
  return { rows: sink.finish(), tokens };
}

async function lateChunks(
  texts: string[],
  cuts: CutText[],
  plan: EncodePlan,
  target: ChunkTarget,
): Promise<Encoded> {
  const dims = rowWidth(plan, target);
  const windows: string[] = [];
  const spans: Spans[] = [];
  cuts.forEach(({ chunks, windows: own }, i) => {
    for (const window of own) {
      const [from, to] = windowRange(window, chunks, texts[i]);
      windows.push(texts[i].slice(from, to));
      const ranges = chunks
        .slice(window.first, window.end)
        .flatMap(({ start, end }) => [start - from, end - from]);
      spans.push(Uint32Array.from(ranges));
    }
  });
  const sink = raggedSink(windows.length, dims);
  const tokens = await target.embed(windows, { ...plan, spans }, sink);
  // Windows hold their chunks in order, each chunk once.
  const chunks = cuts.reduce((sum, cut) => sum + cut.chunks.length, 0);
  const data = concatFloats(sink.finish().map((part) => part.data));
  return { rows: new Embeddings(data, chunks, dims), tokens };
}

function rowWidth({ truncateDim }: EncodePlan, { dimensions }: ChunkTarget): number {
  return Math.min(truncateDim ?? dimensions, dimensions);
}

/** The rows of each text's chunks, as views of one matrix. */
function perText<P extends EncodePrecision>(
  { data, rows, dims, precision }: Embeddings<P>,
  cuts: readonly CutText[],
): ChunkEmbeddings<P>[] {
  const width = rows === 0 ? 0 : data.length / rows;
  let row = 0;
  return cuts.map(({ chunks }) => {
    const own = data.subarray(row * width, (row + chunks.length) * width) as typeof data;
    row += chunks.length;
    return new ChunkEmbeddings<P>(own, chunks, dims, precision);
  });
}
