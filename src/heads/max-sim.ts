import type { Embeddings, Matrix } from '../core/embeddings.js';
import { EmbedlaneError, invalidArgument } from '../core/errors.js';
import { Pace } from '../core/pace.js';
import { isTyped } from '../core/realms.js';
import { loadBinding } from '../native/load.js';

/** How the best matches of a query's tokens become one score. */
export type MaxSimReduction = 'sum' | 'mean';

/**
 * Late interaction (ColBERT): for each token of a query the dot product with the best token of a document,
 * summed, or averaged, over the query's tokens. 0 where either has no tokens.
 *
 * @returns `queries × documents` scores
 * @throws {EmbedlaneError} `ERR_DIMENSION` if the widths differ, `ERR_ABORTED`
 */
export async function maxSim(
  queries: readonly Embeddings[],
  documents: readonly Embeddings[],
  reduction: MaxSimReduction,
  signal: AbortSignal | undefined,
): Promise<Matrix> {
  const binding = loadBinding();
  const pace = new Pace(signal);
  const data = new Float32Array(queries.length * documents.length);
  for (const [i, query] of queries.entries()) {
    for (const [j, document] of documents.entries()) {
      if (query.rows === 0 || document.rows === 0) continue;
      if (query.dims !== document.dims) {
        throw new EmbedlaneError(
          'ERR_DIMENSION',
          `Expected token vectors of ${query.dims} values for documents[${j}] but received ${document.dims}`,
        );
      }
      const products = new Float32Array(query.rows * document.rows);
      binding.matrix('dot', query.data, document.data, query.dims, products);
      const sum = sumOfBest(products, document.rows);
      data[i * documents.length + j] = reduction === 'mean' ? sum / query.rows : sum;
      if (pace.due) await pace.turn();
    }
  }
  return { data, rows: queries.length, cols: documents.length };
}

function sumOfBest(products: Float32Array, columns: number): number {
  let sum = 0;
  for (let start = 0; start < products.length; start += columns) {
    let best = Number.NEGATIVE_INFINITY;
    for (let i = start; i < start + columns; i++) if (products[i] > best) best = products[i];
    sum += best;
  }
  return sum;
}

/** Checks a list of matrices of token vectors, or one. */
export function tokenMatrices(
  name: string,
  value: Embeddings | readonly Embeddings[],
): readonly Embeddings[] {
  const list: readonly Embeddings[] = Array.isArray(value) ? value : [value as Embeddings];
  for (const [i, matrix] of list.entries()) {
    const { data, rows, dims } = (matrix ?? {}) as Partial<Embeddings>;
    if (!isTyped(data, Float32Array) || data.length !== (rows as number) * (dims as number)) {
      throw invalidArgument(`${name}[${i}]`, 'a matrix { data, rows, dims } of 32-bit floats', matrix);
    }
  }
  return list;
}
