import { access } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Safetensors, type TensorFile } from './safetensors.js';
import { TorchFile } from './torch-file.js';

/** Where sentence-transformers kept a module's weights before safetensors. */
export const TORCH_WEIGHTS = 'pytorch_model.bin';

/**
 * The weights of a module after the Transformer.
 *
 * @param file of safetensors; PyTorch's own file beside it is read where there is none
 * @throws {EmbedlaneError} `ERR_MODEL_INVALID` if both are missing, or the one that is read is malformed
 */
export async function openModuleWeights(file: string): Promise<TensorFile> {
  const torch = join(dirname(file), TORCH_WEIGHTS);
  const older = !(await exists(file)) && (await exists(torch));
  return older ? TorchFile.open(torch) : Safetensors.open(file);
}

function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
