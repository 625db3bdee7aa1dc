import { readJsonObject } from '../core/json-file.js';
import { type HubSettings, resolveModel } from '../hub/index.js';

/** What takes a film's pictures: CLIP and its kin, a model of pictures alone, or one of pictures and sound together. */
export type VideoModelKind = 'clip' | 'image' | 'perceiver';

const CONFIG = 'config.json';

/** Finds out by the model's configuration, of which alone is downloaded what is not here. */
export async function videoModelKind(
  model: string,
  hub: HubSettings,
  signal: AbortSignal | undefined,
): Promise<VideoModelKind> {
  const select = ({ files }: { files: readonly string[] }) => files.filter((file) => file === CONFIG);
  const { folder } = await resolveModel(model, { select, hub, signal });
  const config = await readJsonObject(folder, CONFIG);
  if (config === undefined) return 'image';
  if (config.string('model_type') === 'perceiver') return 'perceiver';
  return config.get('text_config') !== undefined && config.get('vision_config') !== undefined
    ? 'clip'
    : 'image';
}
