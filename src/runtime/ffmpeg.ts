import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';
import { abortError, throwIfAborted } from '../core/abort.js';
import { openFfmpegInput } from './ffmpeg-input.js';
import { startChild } from './thread-children.js';

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
    'avi',
    'asf',
    'flv',
    'mpeg',
    'mpegts',
  ],
  ...['ivf', 'm4v', 'mxf', 'nut', 'wtv', 'yuv4mpegpipe', 'gif', 'apng'],
  ...[
    'flac',
    'mp3',
    'wav',
    'w64',
    'rf64',
    'aac',
    'aiff',
    'caf',
    'amr',
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
const WORDS_KEPT = 500;

/** Those that run now. */
const running = new Set<ChildProcess>();
let watchesExit = false;

/** Why ffmpeg gave nothing. The layers that use it say what for. */
export class FfmpegError extends Error {
  override name = 'FfmpegError';
  readonly reason: 'missing' | 'hung' | 'no stream' | 'failed';

  constructor(reason: FfmpegError['reason'], message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.reason = reason;
  }
}

/** How long a run may take. */
export interface FfmpegReading {
  /** Kills ffmpeg; the generator then throws `ERR_ABORTED`. */
  signal?: AbortSignal;
  /** Milliseconds without a byte or word of ffmpeg, while it is waited for, after which it is killed. */
  patience?: number;
}

export interface FfmpegTask extends FfmpegReading {
  /** Options for the input: a place to seek to, a duration. */
  before?: readonly string[];
  /** Streams, filters and format of what comes back through `pipe:1`. */
  after: readonly string[];
  /** Gets every line that ffmpeg says, informative ones too. */
  onLine?: (line: string) => void;
}

/**
 * Runs ffmpeg on a file, or on bytes, and gives what it writes, piece by piece. Whoever leaves the loop ends it: no
 * process and no temporary file is left behind.
 *
 * @throws {FfmpegError}
 */
export async function* runFfmpeg(
  source: string | Uint8Array,
  { before = [], after, onLine, signal, patience = PATIENCE }: FfmpegTask,
): AsyncGenerator<Uint8Array> {
  throwIfAborted(signal);
  await using input = await openFfmpegInput(source);
  // No shell, and 'file:' before the path: no name is an option, a protocol or a command.
  const options = [
    ...['-hide_banner', '-nostdin', '-v', 'level+info', '-protocol_whitelist', 'file,pipe'],
    ...['-format_whitelist', FORMATS, ...before, '-i', `file:${input.path}`, ...after, 'pipe:1'],
  ];
  const child = startChild(() =>
    spawn('ffmpeg', options, {
      stdio: ['ignore', 'pipe', 'pipe', ...(input.fd === undefined ? [] : [input.fd])],
    }),
  );
  const ended = new Promise<number | null | Error>((settle) => {
    child.once('error', settle);
    child.once('close', settle);
  }).finally(() => running.delete(child));
  endWithProgram(child);
  let hung = false;
  let timer: NodeJS.Timeout | undefined;
  const onAbort = () => kill(child);
  signal?.addEventListener('abort', onAbort, { once: true });
  const words = listen(child, onLine, () => timer?.refresh());
  const output = (child.stdout as NodeJS.ReadableStream)[Symbol.asyncIterator]();
  try {
    for (;;) {
      // Only while it is waited for: a consumer that takes its time blocks ffmpeg, which is not its fault.
      timer = setTimeout(() => {
        hung = true;
        kill(child);
      }, patience);
      const next = await output.next().catch(() => ({ done: true, value: undefined }));
      if (next.done) break;
      clearTimeout(timer);
      yield next.value as unknown as Uint8Array;
    }
    const end = await ended;
    if (signal?.aborted) throw abortError(signal);
    if (hung) throw new FfmpegError('hung', `no answer from it for ${patience / 1000} s`);
    if (end !== 0) throw failure(end, words());
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
    kill(child);
    await ended;
  }
}

/** Version of the ffmpeg on the PATH, or undefined if there is none. */
export async function ffmpegVersion(): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)('ffmpeg', ['-version'], { timeout: PATIENCE });
    return /^ffmpeg version (\S+)/.exec(stdout)?.[1] ?? 'unknown';
  } catch {
    return undefined;
  }
}

/** One that hangs would outlive the program. */
function endWithProgram(child: ChildProcess): void {
  running.add(child);
  if (watchesExit) return;
  watchesExit = true;
  process.once('exit', () => {
    for (const one of running) one.kill('SIGKILL');
  });
}

/** Not to be waited for by its pipes, which a process of its own may hold open. */
function kill(child: ChildProcess): void {
  child.kill('SIGKILL');
  child.stdout?.destroy();
  child.stderr?.destroy();
}

/** @returns what gives the last errors that were said */
function listen(child: ChildProcess, onLine: FfmpegTask['onLine'], onWord: () => void): () => string {
  let rest = '';
  let errors = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    onWord();
    const lines = (rest + text).split(/[\r\n]/);
    rest = (lines.pop() as string).slice(-WORDS_KEPT);
    for (const line of lines) {
      onLine?.(line);
      if (!/\[(info|verbose)\]|^(frame|size)=/.test(line)) errors = `${errors}${line}\n`.slice(-WORDS_KEPT);
    }
  });
  return () => errors + rest;
}

function failure(end: number | null | Error, words: string): FfmpegError {
  if (end instanceof Error) {
    const { code } = end as NodeJS.ErrnoException;
    return new FfmpegError('missing', code ?? end.message, { cause: end });
  }
  if (/matches no streams/.test(words)) return new FfmpegError('no stream', 'no such stream');
  const last = words.trim().split('\n').at(-1);
  return new FfmpegError('failed', last ? `its words: ${last}` : `exit code ${end}`);
}
