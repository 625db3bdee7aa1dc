import { Embeddings } from '../../core/embeddings.js';
import { EmbedlaneError } from '../../core/errors.js';
import { normalize as normalized } from '../../vectors/index.js';
import type { Item } from '../body.js';
import { invalid } from '../fault.js';
import type { LoadedModel } from '../models/pooled-model.js';
import type { EmbedRequest } from './engine.js';
import { refuseTextOptions, wantedDimensions } from './texts.js';

type MediaModel = Extract<LoadedModel, { kind: 'clip' | 'image' | 'clap' | 'audio' }>;
type ItemKind = 'text' | 'image' | 'audio';

/** Gives vectors as wide as the model makes them, not scaled. */
type Encode = (inputs: string[]) => Promise<Embeddings>;

/**
 * Embeds pictures or sounds, and texts among them, with a model that knows them. The vectors have length 1 unless the
 * client wants them otherwise: those of texts and of what they describe are made to be compared by their angle.
 */
export async function embedMedia(
  loaded: MediaModel,
  request: EmbedRequest,
): Promise<{ embeddings: Embeddings; tokens: number }> {
  const { inputs, signal, normalize = true, param } = request;
  refuseTextOptions(request);
  const { dimensions } = loaded.model;
  const dims = wantedDimensions(request, dimensions) ?? dimensions;
  const items: readonly Item[] =
    'items' in inputs ? inputs.items : 'texts' in inputs ? inputs.texts.map((text) => ({ text })) : [];
  const data = new Float32Array(items.length * dims);

  for (const [kind, encode] of Object.entries(encoders(loaded, signal)) as [ItemKind, Encode][]) {
    const places = [...items.keys()].filter((i) => kind in items[i]);
    if (places.length === 0) continue;
    const list = places.map((i) => (items[i] as Record<ItemKind, string>)[kind]);
    const rows = await encode(list).catch((error) => refuseFile(error, param, places));
    places.forEach((index, i) => {
      data.set(rows.row(i).subarray(0, dims), index * dims);
    });
  }
  const embeddings = new Embeddings(data, items.length, dims);
  return { embeddings: normalize ? normalized(embeddings) : embeddings, tokens: 0 };
}

/** What a model can embed, by the name of an item's field. */
function encoders(loaded: MediaModel, signal: AbortSignal): Partial<Record<ItemKind, Encode>> {
  switch (loaded.kind) {
    case 'clip':
      return {
        text: async (texts) => loaded.model.encodeText(texts, { signal }),
        image: async (pictures) => loaded.model.encodeImage(pictures.map(dataUri), { signal }),
      };
    case 'image':
      return { image: async (pictures) => loaded.model.encode(pictures.map(dataUri), { signal }) };
    case 'clap':
      return {
        text: async (texts) => loaded.model.encodeText(texts, { signal }),
        audio: async (sounds) => loaded.model.encodeAudio(sounds.map(bytesOf), { signal }),
      };
    case 'audio':
      return { audio: async (sounds) => loaded.model.encode(sounds.map(bytesOf), { signal }) };
  }
}

/** Data URIs, URLs, and base64 without anything around it. Never a path: the server's files are its own. */
function dataUri(text: string): string {
  return /^(data:|https?:)/i.test(text) ? text : `data:;base64,${text}`;
}

/** The same for sounds, which are not fetched from anywhere. */
function bytesOf(text: string, index: number): Uint8Array {
  if (/^https?:/i.test(text)) {
    throw new EmbedlaneError(
      'ERR_AUDIO',
      `Expected a data URI or base64 for inputs[${index}] but received a URL`,
    );
  }
  return Buffer.from(text.startsWith('data:') ? text.slice(text.indexOf(',') + 1) : text, 'base64');
}

/** Says which of the client's inputs could not be read. */
function refuseFile(error: unknown, param: string, places: readonly number[]): never {
  if (!(error instanceof EmbedlaneError) || (error.code !== 'ERR_IMAGE' && error.code !== 'ERR_AUDIO'))
    throw error;
  const message = error.message.replace(
    /(?:images|inputs)\[(\d+)\]( \(data URI\))?/,
    (_, index) => `${param}[${places[Number(index)]}]`,
  );
  throw invalid(param, message);
}
