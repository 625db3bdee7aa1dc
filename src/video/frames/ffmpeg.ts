import { EmbedlaneError } from '../../core/errors.js';
import { FfmpegError, type FfmpegTask, runFfmpeg } from '../../runtime/ffmpeg.js';

/** The error for a film that cannot be used. */
export function videoError(expected: string, actual: string, cause?: unknown): EmbedlaneError {
  return new EmbedlaneError('ERR_VIDEO', `Expected ${expected} but received ${actual}`, { cause });
}

/** Runs ffmpeg on a film. @throws {EmbedlaneError} `ERR_VIDEO`, `ERR_ABORTED` */
export async function* readVideo(source: string | Uint8Array, task: FfmpegTask): AsyncGenerator<Uint8Array> {
  try {
    yield* runFfmpeg(source, task);
  } catch (error) {
    throw error instanceof FfmpegError ? refused(error) : error;
  }
}

function refused(error: FfmpegError): EmbedlaneError {
  if (error.reason === 'missing') return videoError('ffmpeg on the PATH', `none (${error.message})`, error);
  const what = error.reason === 'no stream' ? 'a file without pictures' : error.message;
  return videoError('a video that ffmpeg can decode', what, error);
}
