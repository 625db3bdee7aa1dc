import { type FoundFiles, findFiles } from '../input/files.js';

const SUFFIXES = new Set(['.jpg', '.jpeg', '.png', '.webp', '.gif', '.tif', '.tiff', '.avif']);

/** Finds pictures. */
export function findImages(source: string): Promise<FoundFiles> {
  return findFiles(source, SUFFIXES);
}
