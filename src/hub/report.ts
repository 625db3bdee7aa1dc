import type { RepositoryFile } from './listing.js';
import type { HubOptions } from './settings.js';

/**
 * Adds up the progress of files that are downloaded at the same time. What is reported never decreases, though
 * a download that has to start again loses ground.
 */
export function reportProgress(
  files: readonly RepositoryFile[],
  onProgress: HubOptions['onProgress'],
): (file: RepositoryFile, bytes: number) => void {
  if (!onProgress) return () => {};
  const total = files.reduce((sum, { size }) => sum + size, 0);
  const received = new Map<RepositoryFile, number>();
  let sum = 0;
  let reported = -1;
  return (file, bytes) => {
    sum += bytes - (received.get(file) ?? 0);
    received.set(file, bytes);
    if (sum <= reported) return;
    reported = sum;
    onProgress({ completed: sum, total, file: file.path });
  };
}
