import { realpathSync } from 'node:fs';
import { invalidArgument } from '../../core/errors.js';
import { absolutePath } from '../../core/io.js';

/** Checks the name of an index folder and makes it absolute. */
export function folderArgument(path: unknown): string {
  if (typeof path === 'string' && path !== '' && !path.includes('\0')) return absolutePath(path);
  throw invalidArgument('path', 'the name of a folder', path);
}

/** Whether both names lead to the same folder. */
export function isSameFolder(a: string, b: string): boolean {
  try {
    return realpathSync(a) === realpathSync(b);
  } catch {
    return false;
  }
}
