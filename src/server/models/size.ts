import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isConvertedClip, resolveClip } from '../../clip/repository.js';
import { checkHubOptions, HUB_OPTIONS, listModelFiles, resolveModel } from '../../hub/index.js';
import type { AnyLoadOptions } from './kinds.js';

/** Bytes that a model's files take on this machine, all variants that are here together; 0 before its download. */
export async function modelSize(id: string, options: AnyLoadOptions): Promise<number> {
  try {
    const given = Object.fromEntries(HUB_OPTIONS.map((name) => [name, options[name]]));
    const hub = checkHubOptions({ ...given, localFilesOnly: true });
    const { folder } = isConvertedClip(id)
      ? await resolveClip(id, options.dtype ?? 'auto', hub, undefined)
      : await resolveModel(id, { select: () => [], hub });
    const files = await listModelFiles(folder);
    const sizes = await Promise.all(files.map(async (file) => (await stat(join(folder, file))).size));
    return sizes.reduce((sum, size) => sum + size, 0);
  } catch {
    // A list of models is no place for what is wrong with one of them: its first request says that.
    return 0;
  }
}
