/**
 * What a careful developer could write over onnxruntime-node and tokenizers alone: length-sorted batches with a
 * budget of padded tokens, pooling in JavaScript, everything in one thread. The gap to embedlane is what the
 * library adds; the gap to the other packages is what batching alone is worth. Other ways to form batches by `policy`.
 */
import { availableParallelism } from 'node:os';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { serveText } from '../lib/serve-text.mjs';
import { loadTokenizer, modelFile, modelFolder } from '../lib/texts.mjs';

/** Padded tokens or texts of a batch at most. */
const CAREFUL = { sorted: true, budget: 1024, batch: Number.POSITIVE_INFINITY };

let tokenizer;
let session;
let forming;

async function load({ dtype, threads = availableParallelism(), policy }) {
  forming = policy
    ? { sorted: false, budget: Number.POSITIVE_INFINITY, batch: Number.POSITIVE_INFINITY, ...policy }
    : CAREFUL;
  tokenizer = loadTokenizer();
  session = await InferenceSession.create(modelFolder + modelFile[dtype], {
    intraOpNumThreads: threads,
    enableMemPattern: false,
    // Spinning threads would fight with the next session of the same process and gain nothing here.
    extra: { session: { intra_op: { allow_spinning: '0' } } },
  });
  return {};
}

/** Cuts sequences, in this order, into batches whose size stays within the limits. */
function* batches(order, lengths) {
  let start = 0;
  let width = 0;
  for (let i = 0; i < order.length; i++) {
    const count = i + 1 - start;
    width = Math.max(width, lengths[order[i]]);
    if (count > 1 && (count > forming.batch || count * width > forming.budget)) {
      yield order.slice(start, i);
      start = i;
      width = lengths[order[i]];
    }
  }
  yield order.slice(start);
}

async function encode(texts) {
  const encodings = await tokenizer.encodeBatch(texts);
  const ids = encodings.map((encoding) => encoding.getIds());
  const lengths = ids.map((row) => row.length);
  const order = [...ids.keys()];
  if (forming.sorted) order.sort((a, b) => lengths[a] - lengths[b]);
  let result;
  for (const batch of batches(order, lengths)) {
    const hidden = await run(batch.map((index) => ids[index]));
    const dims = hidden.dims[2];
    result ??= new Float32Array(texts.length * dims);
    for (const [row, index] of batch.entries()) {
      const out = result.subarray(index * dims, (index + 1) * dims);
      pool(hidden.data, row * hidden.dims[1] * dims, lengths[index], out);
    }
  }
  return result;
}

async function run(rows) {
  const width = Math.max(...rows.map((row) => row.length));
  const input = new BigInt64Array(rows.length * width);
  const mask = new BigInt64Array(rows.length * width);
  for (const [i, row] of rows.entries()) {
    for (let j = 0; j < row.length; j++) {
      input[i * width + j] = BigInt(row[j]);
      mask[i * width + j] = 1n;
    }
  }
  const shape = [rows.length, width];
  const output = await session.run({
    input_ids: new Tensor('int64', input, shape),
    attention_mask: new Tensor('int64', mask, shape),
    token_type_ids: new Tensor('int64', new BigInt64Array(rows.length * width), shape),
  });
  return output.last_hidden_state;
}

/** Mean over `count` token vectors from `start`, divided by its norm. The mean's own divisor cancels. */
function pool(hidden, start, count, out) {
  const dims = out.length;
  for (let token = 0; token < count; token++) {
    const from = start + token * dims;
    for (let i = 0; i < dims; i++) out[i] += hidden[from + i];
  }
  let squares = 0;
  for (let i = 0; i < dims; i++) squares += out[i] * out[i];
  const scale = 1 / Math.max(Math.sqrt(squares), 1e-12);
  for (let i = 0; i < dims; i++) out[i] *= scale;
}

serveText(load, encode);
