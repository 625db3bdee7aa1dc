import type * as ort from 'onnxruntime-node';
import { EmbedlaneError } from '../core/errors.js';

/**
 * Whether the graph was exported for one input at a time: others run any number.
 *
 * @throws {EmbedlaneError} `ERR_MODEL_INVALID` for a graph of another fixed number
 */
export function runsOne(input: ort.InferenceSession.ValueMetadata): boolean {
  const batch = input.isTensor ? input.shape[0] : undefined;
  if (typeof batch !== 'number' || batch <= 0) return false;
  if (batch > 1) throw invalidGraph(`input '${input.name}' of any batch size, or of 1,`, `${batch}`);
  return true;
}

export function invalidGraph(expected: string, actual: string): EmbedlaneError {
  return new EmbedlaneError(
    'ERR_MODEL_INVALID',
    `Expected ${expected} for the ONNX graph but received ${actual}`,
  );
}
