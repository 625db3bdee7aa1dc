import { fileURLToPath } from 'node:url';
import { type OnnxVariant, onnxVariants } from './onnx-file.js';

/** Models inside this package, by the short name; their folders are `models/<name>`. */
export const BUNDLED_MODELS = ['all-MiniLM-L6-v2', 'efficientnet-lite0'] as const;

/** What the bundled models embed. */
const KINDS: Record<(typeof BUNDLED_MODELS)[number], 'text' | 'image'> = {
  'all-MiniLM-L6-v2': 'text',
  'efficientnet-lite0': 'image',
};

/** Names on the Hugging Face Hub of what is bundled. */
const HUB_NAMES: Record<string, string> = { 'sentence-transformers/all-MiniLM-L6-v2': 'all-MiniLM-L6-v2' };

/** Short name of the bundled model that `id` means, if there is one. */
export function bundledName(id: string): string | undefined {
  const name = HUB_NAMES[id] ?? id;
  return (BUNDLED_MODELS as readonly string[]).includes(name) ? name : undefined;
}

/** Folder of a bundled model. `src/hub` and `dist/hub` are equally deep below the package's root. */
export function bundledFolder(name: string): string {
  return fileURLToPath(new URL(`../../models/${name}`, import.meta.url));
}

/** The bundled models and the variants of each, for listings. */
export function bundledModels(): Promise<{ name: string; kind: 'text' | 'image'; files: OnnxVariant[] }[]> {
  return Promise.all(
    BUNDLED_MODELS.map(async (name) => ({
      name,
      kind: KINDS[name],
      files: await onnxVariants(bundledFolder(name)),
    })),
  );
}
