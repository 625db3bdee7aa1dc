import { EmbedlaneError } from '../core/errors.js';
import { type Dtype, graphNotFound, pickOnnxFile } from '../hub/index.js';

/** A model's graphs: one for texts and one for pictures, or one for both. */
export type ClipGraphs = { text: string; vision: string; joint: string | undefined } | { joint: string };

/**
 * Chooses a CLIP model's graphs among the files of its repository: `text_model.onnx` and `vision_model.onnx`, else
 * the joint `model.onnx`, in the variant that `dtype` names.
 *
 * @param files paths below the model's folder, with `/`
 * @param where the repository or folder, for messages
 * @throws {EmbedlaneError} `ERR_MODEL_NOT_FOUND`
 */
export function pickClipGraphs(files: readonly string[], dtype: Dtype, where: string): ClipGraphs {
  const text = pickTower(files, 'text', dtype, where);
  const vision = pickTower(files, 'vision', dtype, where);
  const joint = pickJoint(files, dtype, where);
  if (text !== undefined && vision !== undefined) return { text, vision, joint };
  if (joint !== undefined) return { joint };
  throw graphNotFound(
    `text_model.onnx and vision_model.onnx, or a joint model.onnx, in ${where} for dtype '${dtype}'`,
    files,
  );
}

/** The graph of one tower, if the model has any of that tower. */
function pickTower(files: readonly string[], tower: 'text' | 'vision', dtype: Dtype, where: string) {
  const stem = `${tower}_model`;
  const isThere = files.some((path) => path.slice(path.lastIndexOf('/') + 1).startsWith(stem));
  return isThere ? pickOnnxFile(files, dtype, where, { stem }) : undefined;
}

/** The joint graph, if the model has one. */
export function pickJoint(files: readonly string[], dtype: Dtype, where: string): string | undefined {
  try {
    return pickOnnxFile(files, dtype, where);
  } catch (error) {
    if (error instanceof EmbedlaneError && error.code === 'ERR_MODEL_NOT_FOUND') return undefined;
    throw error;
  }
}
