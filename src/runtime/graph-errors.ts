import { EmbedlaneError } from '../core/errors.js';

export function invalidGraph(expected: string, actual: string): EmbedlaneError {
  return new EmbedlaneError(
    'ERR_MODEL_INVALID',
    `Expected ${expected} for the ONNX graph but received ${actual}`,
  );
}
