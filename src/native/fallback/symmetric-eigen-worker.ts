import { parentPort, workerData } from 'node:worker_threads';
import { EigenvalueDecomposition, Matrix } from 'ml-matrix';

export interface EigenInput {
  /** Row-major `[n, n]`. */
  matrix: Float64Array;
  n: number;
}

export interface EigenOutput {
  /** By rising value. */
  values: number[];
  /** Row-major `[n, n]`; the vector of value `i` is column `i`. */
  vectors: Float64Array;
}

const { matrix, n } = workerData as EigenInput;
const square = new Matrix(Array.from({ length: n }, (_, row) => matrix.subarray(row * n, (row + 1) * n)));
const decomposed = new EigenvalueDecomposition(square, { assumeSymmetric: true });
const output: EigenOutput = {
  values: decomposed.realEigenvalues,
  vectors: Float64Array.from(decomposed.eigenvectorMatrix.to1DArray()),
};
parentPort?.postMessage(output);
