export const VECTOR_FORMATS = ['jsonl', 'npy', 'f32', 'parquet'] as const;
export type VectorFormat = (typeof VECTOR_FORMATS)[number];

/** The format that a file's name asks for: `.npy`, `.parquet`, `.f32` / `.bin`, else JSON lines. */
export function formatOf(path: string | undefined): VectorFormat {
  if (path?.endsWith('.npy')) return 'npy';
  if (path?.endsWith('.parquet')) return 'parquet';
  if (path?.endsWith('.f32') || path?.endsWith('.bin')) return 'f32';
  return 'jsonl';
}
