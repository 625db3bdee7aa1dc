import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/** What ffmpeg opens. */
export interface FfmpegInput extends AsyncDisposable {
  path: string;
  /** To be the child's descriptor 3, which `path` stands for. */
  fd?: number;
}

const PIECE = 1024 * 1024;

/**
 * Makes bytes something that ffmpeg can open: a file and not a pipe, because some containers have their index at the
 * end. Its name is gone before it is written, so that nothing is left whatever happens to this process; only Windows,
 * which has no such files, keeps it until the end.
 */
export async function openFfmpegInput(source: string | Uint8Array): Promise<FfmpegInput> {
  if (typeof source === 'string') return { path: resolve(source), [Symbol.asyncDispose]: async () => {} };
  const folder = await mkdtemp(join(tmpdir(), 'embedlane-media-'));
  const path = join(folder, 'input');
  const remove = () => rm(folder, { recursive: true, force: true });
  let file: FileHandle | undefined;
  const dispose = async () => {
    await file?.close();
    await remove();
  };
  try {
    file = await open(path, 'wx+', 0o600);
    const named = process.platform === 'win32';
    if (!named) await remove();
    for (let at = 0; at < source.length; ) {
      // At places of their own: the descriptor's offset stays 0, where systems share it with whoever opens it again.
      at += (await file.write(source, at, Math.min(PIECE, source.length - at), at)).bytesWritten;
    }
    const { fd } = file;
    return { ...(named ? { path } : { path: '/dev/fd/3', fd }), [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}
