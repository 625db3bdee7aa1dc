import type { AudioEmbedder } from '../../audio/index.js';
import type { ClapEmbedder } from '../../clap/index.js';
import type { Embeddings } from '../../core/embeddings.js';
import { EmbedlaneError } from '../../core/errors.js';
import type { VideoEmbedder } from '../../video/index.js';
import { DEFAULT_IMAGE_MODEL } from '../images/model.js';
import { DEFAULT_MODEL, loading, type ModelFlags } from '../options.js';
import type { Moment } from './moment.js';

export type MediaKind = 'sounds' | 'films';

/** A model of sounds or films, with what the commands need of it. */
export interface MediaModel extends AsyncDisposable {
  readonly modelId: string;
  readonly dimensions: number;
  /** A row for each window of a sound or frame of a film. */
  embedFile(path: string, signal: AbortSignal): Promise<{ embeddings: Embeddings; moments: Moment[] }>;
  /** Undefined for a model that knows no words. */
  encodeText:
    | ((texts: readonly string[], options: { signal: AbortSignal }) => Promise<Embeddings>)
    | undefined;
  /** Questions that are no words: sounds for sounds, pictures for films. */
  encodeExamples(paths: readonly string[], options: { signal: AbortSignal }): Promise<Embeddings>;
}

/** @param fps frames per second of films */
export function loadMediaModel(
  kind: MediaKind,
  flags: ModelFlags,
  { fps, signal }: { fps: number; signal: AbortSignal },
): Promise<MediaModel> {
  return kind === 'sounds' ? loadSoundModel(flags, signal) : loadFilmModel(flags, fps, signal);
}

/** CLAP, or else Whisper. No model of sounds is bundled. */
async function loadSoundModel(flags: ModelFlags, signal: AbortSignal): Promise<MediaModel> {
  const { model } = flags;
  if (model === DEFAULT_MODEL) {
    throw new EmbedlaneError(
      'ERR_INVALID_ARG',
      'Expected --model <id> of a CLAP or Whisper model for sounds, of which none is bundled, but received none',
    );
  }
  try {
    const { ClapEmbedder } = await import('../../clap/index.js');
    const clap = await loading(flags, signal, (options) => ClapEmbedder.load(model, options));
    return {
      ...common(clap),
      embedFile: async (path, signal) => timed(await clap.encodeAudioWindows(path, { signal })),
      encodeText: (texts, options) => clap.encodeText(texts, options),
      encodeExamples: (paths, options) => clap.encodeAudio(paths, options),
    };
  } catch (error) {
    if (!(error instanceof EmbedlaneError) || !/^ERR_MODEL_/.test(error.code)) throw error;
  }
  const { AudioEmbedder } = await import('../../audio/index.js');
  const whisper = await loading(flags, signal, (options) => AudioEmbedder.load(model, options));
  return {
    ...common(whisper),
    embedFile: async (path, signal) => timed(await whisper.encodeWindows(path, { signal })),
    encodeText: undefined,
    encodeExamples: (paths, options) => whisper.encode(paths, options),
  };
}

async function loadFilmModel(flags: ModelFlags, fps: number, signal: AbortSignal): Promise<MediaModel> {
  const id = flags.model === DEFAULT_MODEL ? DEFAULT_IMAGE_MODEL : flags.model;
  const { VideoEmbedder } = await import('../../video/index.js');
  const films = await loading(flags, signal, (options) => VideoEmbedder.load(id, options));
  return {
    ...common(films),
    embedFile: async (path, signal) => {
      const options = films.kind === 'clips' ? { every: 1 / fps, signal } : { frames: { fps }, signal };
      const [{ embeddings, times }] = await films.encodeFrames(path, options);
      return { embeddings, moments: times.map((start) => ({ start, end: undefined })) };
    },
    encodeText: films.knowsWords ? (texts, options) => films.encodeText(texts, options) : undefined,
    encodeExamples: async (paths, options) => {
      if (films.kind === 'clips') return films.encode(paths, options);
      return films.encode(
        paths.map((path) => ({ frames: [path] })),
        options,
      );
    },
  };
}

function common(model: ClapEmbedder | AudioEmbedder | VideoEmbedder) {
  return {
    modelId: model.modelId,
    dimensions: model.dimensions,
    [Symbol.asyncDispose]: () => model.close(),
  };
}

function timed([{ embeddings, times }]: { embeddings: Embeddings; times: Moment[] }[]) {
  return { embeddings, moments: times };
}
