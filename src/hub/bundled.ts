import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type OnnxVariant, onnxVariants } from './onnx-file.js';

const require = createRequire(import.meta.url);

/** Models that come with embedlane, by the short name. */
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

/** npm package that carries a bundled model. */
export function modelPackage(name: string): string {
  return `embedlane-model-${name.toLowerCase()}`;
}

/**
 * Folder of a bundled model: `models/<name>` in a checkout, or else that of the npm package that carries it; nothing
 * if that is not installed. `src/hub` and `dist/hub` are equally deep below the package's root.
 */
export function bundledFolder(name: string): string | undefined {
  const own = fileURLToPath(new URL(`../../models/${name}`, import.meta.url).href);
  if (existsSync(own)) return own;
  try {
    return outsideArchive(dirname(require.resolve(`${modelPackage(name)}/package.json`)));
  } catch {
    return undefined;
  }
}

/**
 * Electron shows `app.asar` to JavaScript as if it were a folder. onnxruntime cannot read what is in it; files that were
 * unpacked lie below `app.asar.unpacked`.
 */
export function outsideArchive(folder: string): string {
  const unpacked = folder.replace(/\.asar(?=[\\/])/, '.asar.unpacked');
  return unpacked !== folder && existsSync(unpacked) ? unpacked : folder;
}

/** The bundled models that are installed and the variants of each, for listings. */
export async function bundledModels(): Promise<
  { name: string; kind: 'text' | 'image'; files: OnnxVariant[] }[]
> {
  const models = BUNDLED_MODELS.map(async (name) => {
    const folder = bundledFolder(name);
    return folder === undefined ? [] : [{ name, kind: KINDS[name], files: await onnxVariants(folder) }];
  });
  return (await Promise.all(models)).flat();
}
