import { join } from 'node:path';
import { Embeddings, type Matrix } from '../core/embeddings.js';
import { invalidArgument } from '../core/errors.js';
import { readJsonObject } from '../core/json-file.js';
import { finiteNumber, optionsObject, textList } from '../core/validate.js';
import { listModelFiles } from '../hub/index.js';
import { readModules } from '../text/config/modules.js';
import { similarity } from '../vectors/index.js';
import { HeadModel } from './head-model.js';
import type { HeadParams } from './lane/protocol.js';
import { CALL_OPTIONS, type CallOptions, checkCallOptions, type HeadLoadOptions, loadHead } from './load.js';
import { m3HeadFiles, m3HeadWeights } from './m3-files.js';
import { maxSim } from './max-sim.js';
import { type SparseVector, sparseSimilarity } from './sparse.js';

/** What one forward pass gives for each text. */
export interface M3Embeddings {
  /** One vector per text, of length 1. */
  dense: Embeddings;
  /** A weight for each token that occurs, by its id. */
  sparse: SparseVector[];
  /** One vector of length 1 per token but the first. */
  tokens: Embeddings[];
}

/** How much each of the scores counts; they are divided by their sum. Default 1 each. */
export interface M3Weights {
  dense?: number;
  sparse?: number;
  colbert?: number;
}

/** Scores of every text of one side with every text of the other. */
export interface M3Scores {
  dense: Matrix;
  sparse: Matrix;
  colbert: Matrix;
  hybrid: Matrix;
}

interface Config {
  path: string;
  head: HeadParams;
}

/** Names in `tokenizer_config.json` of the tokens that have no weight, and what they are if it is silent. */
const IGNORED = { cls_token: '<s>', eos_token: '</s>', pad_token: '<pad>', unk_token: '<unk>' };

/**
 * bge-m3 with all it can do: a dense vector, sparse weights and a vector per token from one forward pass, and
 * their hybrid score. The numbers are those of FlagEmbedding.
 *
 * Takes a graph with the outputs `dense_vecs`, `sparse_vecs` and `colbert_vecs`, or one with token vectors and the heads
 * beside the configuration: `sparse_linear.pt` and `colbert_linear.pt` as in `BAAI/bge-m3`, or
 * `bgem3_heads.safetensors` (`sparse_linear` and `colbert_linear`, weight and bias).
 *
 * @example
 * const model = await M3Embedder.load('./bge-m3', { modelFile: 'model_bgem3.onnx' });
 * const [query, documents] = [await model.encode('Who naps?'), await model.encode(['Cats.', 'Rates.'])];
 * (await model.score(query, documents)).hybrid;
 * await model.close();
 */
export class M3Embedder extends HeadModel<Config> {
  /**
   * @param model as for `TextEmbedder.load`
   * @throws {EmbedlaneError} what `TextEmbedder.load` throws
   */
  static async load(model: string, options?: HeadLoadOptions): Promise<M3Embedder> {
    return new M3Embedder(await loadHead(model, options, readConfig, m3HeadFiles));
  }

  /** Width of the dense vectors. */
  get dimensions(): number {
    return this.loaded.widths.dense;
  }

  /**
   * Embeds texts.
   *
   * @param texts one text or a list
   * @throws {EmbedlaneError} `ERR_INVALID_ARG`, `ERR_ABORTED`, `ERR_CLOSED`, `ERR_MODEL_INVALID`, `ERR_RUNTIME`
   */
  async encode(texts: string | readonly string[], options?: CallOptions): Promise<M3Embeddings> {
    const list = textList('texts', texts);
    const given = checkCallOptions(optionsObject<CallOptions>('options', options, CALL_OPTIONS));
    const rows = await this.loaded.lane.run(list, undefined, given);
    const { dense: dims, tokens: tokenDims } = this.loaded.widths;
    const dense = new Float32Array(list.length * dims);
    rows.forEach((row, i) => {
      dense.set(row.dense.values, i * dims);
    });
    return {
      dense: new Embeddings(dense, list.length, dims),
      sparse: rows.map(({ sparse: { indices, values } }) => ({ indices: indices as Uint32Array, values })),
      tokens: rows.map(
        ({ tokens: { values } }) => new Embeddings(values, values.length / tokenDims, tokenDims),
      ),
    };
  }

  /**
   * Compares every text of `a` with every text of `b`: dot product of the dense vectors, of the sparse ones, the
   * mean over the tokens of `a` of their best match, and the weighted mean of these three.
   *
   * @throws {EmbedlaneError} `ERR_INVALID_ARG`, `ERR_DIMENSION`, `ERR_ABORTED`
   */
  async score(
    a: M3Embeddings,
    b: M3Embeddings,
    options?: { weights?: M3Weights; signal?: AbortSignal },
  ): Promise<M3Scores> {
    const given = optionsObject<{ weights?: M3Weights; signal?: AbortSignal }>('options', options, [
      'weights',
      'signal',
    ]);
    const { signal } = checkCallOptions({ signal: given.signal });
    const [wDense, wSparse, wColbert] = checkWeights(given.weights);
    const dense = similarity(a.dense, b.dense, { metric: 'dot' });
    const sparse = sparseSimilarity(a.sparse, b.sparse);
    const colbert = await maxSim(a.tokens, b.tokens, 'mean', signal);
    const total = wDense + wSparse + wColbert;
    const data = dense.data.map(
      (score, i) => (wDense * score + wSparse * sparse.data[i] + wColbert * colbert.data[i]) / total,
    );
    return { dense, sparse, colbert, hybrid: { ...dense, data } };
  }
}

function checkWeights(value: M3Weights | undefined): [number, number, number] {
  const given = optionsObject<M3Weights>('weights', value, ['dense', 'sparse', 'colbert']);
  const weights = [given.dense ?? 1, given.sparse ?? 1, given.colbert ?? 1].map((weight, i) =>
    finiteNumber(`weights.${['dense', 'sparse', 'colbert'][i]}`, weight),
  );
  if (weights.some((weight) => weight < 0) || weights.every((weight) => weight === 0)) {
    throw invalidArgument('weights', 'weights of at least 0 that are not all 0', value);
  }
  return weights as [number, number, number];
}

async function readConfig(folder: string): Promise<Config> {
  const path = (await readModules(folder))?.[0]?.path ?? '';
  const tokenizer = await readJsonObject(join(folder, path), 'tokenizer_config.json');
  const ignored = Object.entries(IGNORED).map(([name, usual]) => {
    const token = tokenizer?.get(name);
    const content = (token as { content?: unknown } | undefined)?.content;
    return typeof token === 'string' ? token : typeof content === 'string' ? content : usual;
  });
  return {
    path,
    head: { kind: 'm3', weights: m3HeadWeights(folder, await listModelFiles(folder)), ignored },
  };
}
