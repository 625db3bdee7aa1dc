import { join } from 'node:path';

/** Linear layers of the sparse and the ColBERT head of bge-m3, for graphs that end before them. */
const SAFETENSORS = 'bgem3_heads.safetensors';

/** The same as BAAI published them: one PyTorch file each. */
const TORCH = { sparse: 'sparse_linear.pt', colbert: 'colbert_linear.pt' };

/** Outputs of a graph that has bge-m3's heads in it. */
export const M3_OUTPUTS = ['dense_vecs', 'sparse_vecs', 'colbert_vecs'];

/** Which of a model's files hold the heads of bge-m3: none if it has none, or has them in its graph. */
export function m3HeadFiles(files: readonly string[]): string[] {
  if (files.includes(SAFETENSORS)) return [SAFETENSORS];
  const torch = Object.values(TORCH);
  return torch.every((file) => files.includes(file)) ? torch : [];
}

/** Paths of both heads' weights in a folder with these files, there or not. */
export function m3HeadWeights(folder: string, files: readonly string[]): { sparse: string; colbert: string } {
  const { sparse, colbert } = files.includes(SAFETENSORS) || !files.includes(TORCH.sparse) ? ONE : TORCH;
  return { sparse: join(folder, sparse), colbert: join(folder, colbert) };
}

const ONE = { sparse: SAFETENSORS, colbert: SAFETENSORS };
