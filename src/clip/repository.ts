import {
  convertedRepository,
  type Dtype,
  type HubSettings,
  type ModelLocation,
  onnxModelFiles,
  resolveConverted,
} from '../hub/index.js';
import { type ClipGraphs, pickClipGraphs } from './graphs.js';

/** Whether a model is known to be CLIP by its name alone. */
export function isConvertedClip(model: string): boolean {
  return convertedRepository(model)?.includes('/clip-') === true;
}

/** Finds a CLIP model's files: those of its own repository, or of one that is known to hold it as ONNX graphs. */
export function resolveClip(
  model: string,
  dtype: Dtype,
  hub: HubSettings,
  signal: AbortSignal | undefined,
): Promise<ModelLocation> {
  const select = onnxModelFiles(({ name, files }) => graphFiles(pickClipGraphs(files, dtype, name)));
  return resolveConverted(model, { select, hub, signal });
}

/** What has to be downloaded. A joint graph beside the towers is not: it is as large as both. */
function graphFiles(graphs: ClipGraphs): string[] {
  return 'text' in graphs ? [graphs.text, graphs.vision] : [graphs.joint];
}
