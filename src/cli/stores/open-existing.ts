import { EmbedlaneError } from '../../core/errors.js';
import { withoutPassword } from '../../stores/base/url.js';
import { openStore, type VectorStore } from '../../stores/index.js';
import { untilInterrupted } from '../interrupt.js';

/**
 * Opens a store that is read.
 *
 * @throws {EmbedlaneError} `ERR_NOT_FOUND`, by the name that the user gave, if there is no collection
 */
export async function openExisting(
  url: string,
  signal: AbortSignal,
  options: Parameters<typeof openStore>[1] = {},
): Promise<VectorStore> {
  const store = await untilInterrupted(signal, () => openStore(url, { ...options, readOnly: true }));
  try {
    if (await store.info({ signal })) return store;
    throw new EmbedlaneError(
      'ERR_NOT_FOUND',
      `Expected a collection at ${withoutPassword(url)} but there is none; make one with: embedlane index --store or import`,
    );
  } catch (error) {
    await store.close();
    throw error;
  }
}
