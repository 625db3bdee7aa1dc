import { EmbedlaneError } from '../../core/errors.js';
import type { StoreFilter } from '../../stores/index.js';

/** Parses `--filter`. What it says is checked by the store. */
export function filterOption(value: string): StoreFilter {
  try {
    return JSON.parse(value) as StoreFilter;
  } catch (cause) {
    throw new EmbedlaneError('ERR_INVALID_ARG', 'Expected JSON for --filter', { cause });
  }
}
