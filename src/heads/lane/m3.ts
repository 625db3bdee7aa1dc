import { Safetensors, type TensorFile } from '../../hub/safetensors.js';
import { TorchFile } from '../../hub/torch-file.js';
import type { NativeBinding } from '../../native/binding.js';
import type { GraphOutput, OutputVectors, RunOutputs, TokenBatch } from '../../runtime/session.js';
import type { LibraryTokenizer } from '../../text/lane/library-tokenizer.js';
import { Dense } from '../../text/lane/modules/dense.js';
import { M3_OUTPUTS } from '../m3-files.js';
import { type Head, keptLengths, keptRows, requireOutput } from './heads.js';
import type { Field, HeadParams } from './protocol.js';

/** The three heads' values for one run: per text, per token, and per token but the first. */
interface M3Outputs {
  dense: OutputVectors;
  /** `[batch, sequence]` */
  weights: Float32Array;
  /** Rows of the kept tokens, the first of each text left out. */
  tokens: OutputVectors;
}

/**
 * bge-m3: a dense vector (first token, normalised), a weight per token (relu of a linear layer; the largest of
 * equal tokens counts), and a vector per token but the first (linear layer, normalised). From a graph with
 * these outputs, or from last_hidden_state and the layers' weights.
 */
export async function m3Head(
  { weights, ignored }: HeadParams & { kind: 'm3' },
  outputs: readonly GraphOutput[],
  tokenizer: LibraryTokenizer,
  binding: NativeBinding,
): Promise<Head> {
  const inGraph = M3_OUTPUTS.every((name) => outputs.some((output) => output.name === name));
  const { names, read } = inGraph
    ? { names: M3_OUTPUTS, read: readGraph }
    : await hiddenHeads(
        weights,
        requireOutput(outputs, ['last_hidden_state', 'token_embeddings'], 3, 'bge-m3'),
        binding,
      );
  const ignoredIds = new Set(ignored.map((token) => tokenizer.tokenId(token)));
  const widths: Record<string, number> = {};
  return {
    outputs: names,
    widths,
    fields(batch, run, kept) {
      const later = withoutFirst(batch, kept);
      const { dense, weights: perToken, tokens } = read(batch, run, later);
      widths.tokens = tokens.dims;
      const lengths = keptLengths(batch, later).map((count) => count * tokens.dims);
      return {
        dense: { lengths: new Uint32Array(batch.batch).fill(dense.dims), values: dense.data.slice() },
        sparse: lexicalWeights(batch, perToken, ignoredIds),
        tokens: { lengths, values: tokens.data },
      };
    },
  };
}

function readGraph(batch: TokenBatch, run: RunOutputs, later: Uint8Array): M3Outputs {
  const colbert = run.values('colbert_vecs');
  // One position less than there are tokens: the first has no vector.
  const positions = later.filter((_, token) => token % batch.sequence > 0);
  return {
    dense: run.textVectors('dense_vecs'),
    weights: run.tokenVectors('sparse_vecs').data,
    tokens: keptRows({ data: colbert.data, dims: colbert.shape[2] }, positions),
  };
}

/** Names of the heads' layers. */
const SPARSE = 'sparse_linear';
const COLBERT = 'colbert_linear';

async function hiddenHeads(
  files: { sparse: string; colbert: string },
  output: string,
  binding: NativeBinding,
) {
  const openLayer = (tensors: TensorFile, name: string, activation: 'ReLU' | 'Identity') => {
    const [outFeatures, inFeatures] = tensors.tensors.get(`${name}.weight`)?.shape ?? [0, 0];
    const layer = { inFeatures, outFeatures, activation, bias: true, residual: false, weights: tensors.file };
    return Dense.open({ type: 'dense', level: 'token_embeddings', ...layer }, binding, name, tensors);
  };
  const forSparse = await openTensors(files.sparse, SPARSE);
  const forColbert = files.colbert === files.sparse ? forSparse : await openTensors(files.colbert, COLBERT);
  const sparse = await openLayer(forSparse, SPARSE, 'ReLU');
  const colbert = await openLayer(forColbert, COLBERT, 'Identity');
  const read = ({ batch, sequence, mask }: TokenBatch, run: RunOutputs, later: Uint8Array): M3Outputs => {
    const hidden = run.tokenVectors(output);
    const dense = binding.pool(hidden.data, mask, batch, sequence, hidden.dims, ['cls'], true, null);
    const tokens = colbert.apply(keptRows(hidden, later));
    binding.normalizeRows(tokens.data, tokens.dims);
    return { dense: { data: dense, dims: hidden.dims }, weights: sparse.apply(hidden).data, tokens };
  };
  return { names: [output], read };
}

function openTensors(file: string, prefix: string): Promise<TensorFile> {
  return file.endsWith('.pt') ? TorchFile.open(file, prefix) : Safetensors.open(file);
}

/** The first kept token of each row dropped. */
function withoutFirst({ batch, sequence }: TokenBatch, kept: Uint8Array): Uint8Array {
  const later = kept.slice();
  for (let row = 0; row < batch; row++) {
    const first = later.indexOf(1, row * sequence);
    if (first !== -1 && first < (row + 1) * sequence) later[first] = 0;
  }
  return later;
}

/** The largest weight of each token id, ids in ascending order. */
function lexicalWeights(
  { batch, sequence, ids, mask }: TokenBatch,
  weights: Float32Array,
  ignored: ReadonlySet<number | undefined>,
): Field {
  const lengths = new Uint32Array(batch);
  const indices: number[] = [];
  const values: number[] = [];
  for (let row = 0; row < batch; row++) {
    const largest = new Map<number, number>();
    for (let token = row * sequence; token < (row + 1) * sequence; token++) {
      const [id, weight] = [ids[token], weights[token]];
      if (mask[token] === 0 || ignored.has(id) || !(weight > (largest.get(id) ?? 0))) continue;
      largest.set(id, weight);
    }
    lengths[row] = largest.size;
    for (const [id, weight] of [...largest].sort(([a], [b]) => a - b)) {
      indices.push(id);
      values.push(weight);
    }
  }
  return { lengths, indices: Uint32Array.from(indices), values: Float32Array.from(values) };
}
