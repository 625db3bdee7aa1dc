import { parentPort, workerData } from 'node:worker_threads';
import { EigenvalueDecomposition, Matrix } from 'ml-matrix';

/** A symmetric matrix, row-major `[n, n]`. */
export interface EigenInput {
  matrix: Float64Array;
  n: number;
}

/** Eigenvalues in rising order; the vector of value `i` is column `i` of the row-major `[n, n]` matrix. */
export interface EigenOutput {
  values: number[];
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
