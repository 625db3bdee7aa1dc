import { Embeddings } from '../../core/embeddings.js';
import type { M3Embedder, SparseVector } from '../../heads/index.js';
import { normalize } from '../../vectors/index.js';
import type { EmbedRequest } from './engine.js';
import { refuseTextOptions, wantedDimensions } from './texts.js';

/** Dense and sparse vectors of one run of bge-m3. */
export async function embedM3(
  model: M3Embedder,
  request: EmbedRequest,
): Promise<{ embeddings: Embeddings; sparse: SparseVector[]; tokens: number }> {
  const { inputs, signal } = request;
  refuseTextOptions(request);
  const wanted = wantedDimensions(request, model.dimensions);
  let tokens = 0;
  const onUsage = (usage: { tokens: number }) => (tokens = usage.tokens);
  const texts = 'texts' in inputs ? inputs.texts : [];
  const { dense, sparse } = await model.encode(texts, { signal, onUsage });
  return { embeddings: wanted === undefined ? dense : shortened(dense, wanted), sparse, tokens };
}

/** The first dimensions of each row, scaled to length 1. */
function shortened(embeddings: Embeddings, dims: number): Embeddings {
  const data = new Float32Array(embeddings.rows * dims);
  for (let row = 0; row < embeddings.rows; row++) {
    data.set(embeddings.row(row).subarray(0, dims), row * dims);
  }
  return normalize(new Embeddings(data, embeddings.rows, dims));
}
