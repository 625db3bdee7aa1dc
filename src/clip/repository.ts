import { EmbedlaneError } from '../core/errors.js';
import type { Dtype } from '../hub/index.js';
import { type HubSettings, type ModelLocation, onnxModelFiles, resolveModel } from '../hub/index.js';
import { type ClipGraphs, pickClipGraphs } from './graphs.js';

/**
 * OpenAI publishes weights for Python only. These repositories hold the same models as ONNX graphs, converted by
 * the makers of transformers.js.
 */
const CONVERTED: Record<string, string> = {
  'openai/clip-vit-base-patch16': 'Xenova/clip-vit-base-patch16',
  'openai/clip-vit-base-patch32': 'Xenova/clip-vit-base-patch32',
  'openai/clip-vit-large-patch14': 'Xenova/clip-vit-large-patch14',
};

/** Whether a model is known to be CLIP by its name alone. */
export function isConvertedClip(model: string): boolean {
  return typeof model === 'string' && Object.hasOwn(CONVERTED, model);
}

/** Finds a CLIP model's files: those of its own repository, or of one that is known to hold it as ONNX graphs. */
export async function resolveClip(
  model: string,
  dtype: Dtype,
  hub: HubSettings,
  signal: AbortSignal | undefined,
): Promise<ModelLocation> {
  const select = onnxModelFiles(({ name, files }) => graphFiles(pickClipGraphs(files, dtype, name)));
  try {
    return await resolveModel(model, { select, hub, signal });
  } catch (error) {
    const other = isConvertedClip(model) ? CONVERTED[model] : undefined;
    if (other === undefined || !(error instanceof EmbedlaneError) || error.code !== 'ERR_MODEL_NOT_FOUND')
      throw error;
    const location = await resolveModel(other, { select, hub, signal });
    return { ...location, id: model };
  }
}

/** What has to be downloaded. A joint graph beside the towers is not: it is as large as both. */
function graphFiles(graphs: ClipGraphs): string[] {
  return 'text' in graphs ? [graphs.text, graphs.vision] : [graphs.joint];
}
