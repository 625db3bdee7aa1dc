import { Embeddings } from '../../core/embeddings.js';
import { EmbedlaneError } from '../../core/errors.js';
import type { Item } from '../body.js';
import { invalid } from '../fault.js';
import type { LoadedModel } from '../models/pooled-model.js';
import type { EmbedRequest } from './engine.js';
import { wantedDimensions } from './texts.js';

type PictureModel = Extract<LoadedModel, { kind: 'clip' | 'image' }>;

/**
 * Embeds pictures, and texts among them, with a model that knows pictures. The vectors have length 1 unless the
 * client wants them otherwise: those of texts and pictures are made to be compared by their angle.
 */
export async function embedMixed(
  loaded: PictureModel,
  request: EmbedRequest,
): Promise<{ embeddings: Embeddings; tokens: number }> {
  const { inputs, signal, normalize = true, promptName, truncate } = request;
  if (promptName !== undefined) throw invalid('prompt_name', 'The model has no prompts');
  if (truncate === false) throw invalid('truncate', 'The model always cuts texts that are too long');
  const { dimensions } = loaded.model;
  const truncateDim = wantedDimensions(request, dimensions);
  const options = { normalize, signal, ...(truncateDim !== undefined && { truncateDim }) };
  const items: readonly Item[] =
    'items' in inputs ? inputs.items : 'texts' in inputs ? asItems(inputs.texts) : [];
  const dims = truncateDim ?? dimensions;
  const data = new Float32Array(items.length * dims);
  const place = (places: readonly number[], part: Embeddings) =>
    places.forEach((index, row) => {
      data.set(part.row(row), index * dims);
    });

  const texts = [...items.keys()].filter((i) => 'text' in items[i]);
  const pictures = [...items.keys()].filter((i) => 'image' in items[i]);
  if (texts.length > 0 && loaded.kind === 'clip') {
    const list = texts.map((i) => (items[i] as { text: string }).text);
    place(texts, await loaded.model.encodeText(list, options));
  }
  if (pictures.length > 0) {
    const list = pictures.map((i) => pictureOf((items[i] as { image: string }).image));
    const encode =
      loaded.kind === 'clip' ? loaded.model.encodeImage(list, options) : loaded.model.encode(list, options);
    place(pictures, await encode.catch((error) => refusePicture(error, request.param, pictures)));
  }
  return { embeddings: new Embeddings(data, items.length, dims), tokens: 0 };
}

function asItems(texts: readonly string[]): Item[] {
  return texts.map((text) => ({ text }));
}

/** Data URIs, URLs, and base64 without anything around it. Never a path: the server's files are its own. */
function pictureOf(text: string): string {
  return /^(data:|https?:)/i.test(text) ? text : `data:;base64,${text}`;
}

/** Says which of the client's inputs could not be read. */
function refusePicture(error: unknown, param: string, places: readonly number[]): never {
  if (!(error instanceof EmbedlaneError) || error.code !== 'ERR_IMAGE') throw error;
  const message = error.message.replace(
    /images\[(\d+)\]( \(data URI\))?/,
    (_, index) => `${param}[${places[Number(index)]}]`,
  );
  throw invalid(param, message);
}
