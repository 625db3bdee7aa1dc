import { FfmpegError, type FfmpegReading, runFfmpeg } from '../../runtime/ffmpeg.js';
import { audioError, type Pcm } from './pcm.js';
import { WavDecoder } from './wav.js';

/**
 * Decodes whatever ffmpeg can, at the file's own rate and with its own channels.
 *
 * @param source path of a file, or its bytes
 */
export async function* decodeWithFfmpeg(
  source: string | Uint8Array,
  reading: FfmpegReading,
): AsyncGenerator<Pcm> {
  const after = ['-map', '0:a:0', '-c:a', 'pcm_f32le', '-f', 'wav'];
  const decoder = new WavDecoder();
  try {
    for await (const bytes of runFfmpeg(source, { ...reading, after })) {
      const pcm = decoder.decode(bytes);
      if (pcm) yield pcm;
    }
  } catch (error) {
    throw error instanceof FfmpegError ? refused(error) : error;
  }
}

function refused(error: FfmpegError): Error {
  if (error.reason === 'missing') {
    return audioError(
      'plain WAV, FLAC, MP3 or Ogg Vorbis, or ffmpeg on the PATH for other formats',
      `neither (${error.message})`,
      error,
    );
  }
  const what = error.reason === 'no stream' ? 'a file without audio' : error.message;
  return audioError('audio that ffmpeg can decode', what, error);
}
