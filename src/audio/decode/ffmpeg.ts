import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { audioError, type Pcm } from './pcm.js';
import { WavDecoder } from './wav.js';

/** Containers that ffmpeg may open. Not playlists: those name other files. */
const FORMATS = [
  ...[
    'mov',
    'mp4',
    'm4a',
    '3gp',
    '3g2',
    'mj2',
    'matroska',
    'webm',
    'ogg',
    'flac',
    'mp3',
    'wav',
    'w64',
    'rf64',
  ],
  ...[
    'aac',
    'aiff',
    'caf',
    'amr',
    'asf',
    'avi',
    'flv',
    'mpegts',
    'mpeg',
    'ac3',
    'eac3',
    'dts',
    'wv',
    'tta',
    'ape',
    'au',
  ],
].join();

/** Longest silence of ffmpeg in milliseconds before it counts as hanging. */
const PATIENCE = 30_000;
const STDERR_TAIL = 500;

/**
 * Decodes whatever ffmpeg can, at the file's own rate and with its own channels.
 *
 * @param source path of a file, or its bytes, which are put into a temporary file because some containers have their
 * index at the end
 */
export async function* decodeWithFfmpeg(source: string | Uint8Array): AsyncGenerator<Pcm> {
  if (typeof source === 'string') {
    yield* run(resolve(source));
    return;
  }
  const folder = await mkdtemp(join(tmpdir(), 'embedlane-audio-'));
  try {
    const path = join(folder, 'input');
    await writeFile(path, source);
    yield* run(path);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function* run(path: string): AsyncGenerator<Pcm> {
  // No shell, and 'file:' before the path: no name is an option, a protocol or a command.
  const child = spawn(
    'ffmpeg',
    [
      ...['-hide_banner', '-nostdin', '-v', 'error', '-protocol_whitelist', 'file,pipe'],
      ...['-format_whitelist', FORMATS, '-i', `file:${path}`],
      ...['-map', '0:a:0', '-c:a', 'pcm_f32le', '-f', 'wav', 'pipe:1'],
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let words = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    words = (words + text).slice(-STDERR_TAIL);
  });
  const ended = new Promise<number | null | Error>((settle) => {
    child.once('error', settle);
    child.once('close', settle);
  });
  let hung = false;
  const timer = setTimeout(() => {
    hung = true;
    child.kill('SIGKILL');
  }, PATIENCE);
  const decoder = new WavDecoder();
  try {
    for await (const bytes of child.stdout) {
      timer.refresh();
      const pcm = decoder.decode(bytes as Uint8Array);
      if (pcm) yield pcm;
    }
    const end = await ended;
    if (hung) throw audioError('audio that ffmpeg can decode', `no answer from it for ${PATIENCE / 1000} s`);
    if (end instanceof Error) throw missing(end);
    if (end !== 0) throw audioError('audio that ffmpeg can decode', reason(words, end));
  } finally {
    clearTimeout(timer);
    child.kill('SIGKILL');
    await ended;
  }
}

function missing(cause: Error): Error {
  return audioError(
    'WAV, FLAC, MP3 or Ogg Vorbis, or ffmpeg on the PATH for other formats',
    `neither (${(cause as NodeJS.ErrnoException).code ?? cause.message})`,
    cause,
  );
}

function reason(words: string, code: number | null): string {
  if (/matches no streams/.test(words)) return 'a file without audio';
  const last = words.trim().split('\n').at(-1);
  return last ? `its words: ${last}` : `exit code ${code}`;
}
