import { requireMaker } from '../core/constructed.js';
import { EmbedlaneError, invalidArgument } from '../core/errors.js';
import type { OnProgress } from '../core/progress.js';
import { isTyped } from '../core/realms.js';
import {
  integer,
  oneOf,
  optionalFunction,
  optionalInteger,
  optionalSignal,
  optionsObject,
  textList,
} from '../core/validate.js';
import { cosine, topK as nearest } from '../vectors/index.js';
import { readWords, WORD_VECTOR_FORMATS, type WordTable, type WordVectorFormat } from './word-vector-file.js';

/** Options of `WordVectors.load`. */
export interface WordVectorsLoadOptions {
  /** `'text'` (word2vec, GloVe, fastText `.vec`) or `'binary'` (word2vec). Default: found out from the file. */
  format?: WordVectorFormat;
  /** Only so many of the first words, which are the most frequent ones. */
  limit?: number;
  /** Aborts the loading. */
  signal?: AbortSignal;
  /** Called now and then, where the file says how many words it has. */
  onProgress?: OnProgress;
}

/** What to look for: near to these words, and far from those. */
export interface MostSimilarQuery {
  positive?: string | Float32Array | readonly (string | Float32Array)[];
  negative?: string | Float32Array | readonly (string | Float32Array)[];
  /** How many words to return. Default 10. */
  topK?: number;
  signal?: AbortSignal;
}

export interface SimilarWord {
  word: string;
  /** Cosine similarity. */
  score: number;
}

const MAX_WORDS = 2 ** 32 - 1;

/**
 * Word vectors of word2vec, GloVe or fastText: one vector per word, looked up and compared. The results are those of
 * gensim's KeyedVectors.
 *
 * @example
 * const words = await WordVectors.load('./glove.6B.100d.txt');
 * await words.mostSimilar({ positive: ['king', 'woman'], negative: ['man'], topK: 3 }); // queen, …
 */
export class WordVectors {
  readonly dimensions: number;
  /** Every word, in the order of the file. */
  readonly words: readonly string[];
  readonly #data: Float32Array<ArrayBuffer>;
  readonly #places: ReadonlyMap<string, number>;

  private constructor(table: WordTable) {
    requireMaker('WordVectors.load', table?.words);
    const { words, data, dims } = table;
    this.words = words;
    this.dimensions = dims;
    this.#data = data;
    this.#places = new Map(words.map((word, place) => [word, place]));
  }

  /**
   * Reads a file, streaming and without holding up the event loop.
   *
   * @param file path
   * @throws {EmbedlaneError} `ERR_INVALID_ARG`; `ERR_MODEL_NOT_FOUND` if there is no such file; `ERR_MODEL_INVALID` if
   *   it is cut short, malformed, or has values that are no finite numbers; `ERR_ABORTED`
   */
  static async load(file: string, options?: WordVectorsLoadOptions): Promise<WordVectors> {
    if (typeof file !== 'string' || file === '') throw invalidArgument('file', 'a path', file);
    const given = optionsObject<WordVectorsLoadOptions>('options', options, [
      'format',
      'limit',
      'signal',
      'onProgress',
    ]);
    const table = await readWords(file, {
      format: given.format === undefined ? undefined : oneOf('format', given.format, WORD_VECTOR_FORMATS),
      limit: optionalInteger('limit', given.limit, 1, MAX_WORDS) ?? MAX_WORDS,
      signal: optionalSignal('signal', given.signal),
      onProgress: optionalFunction('onProgress', given.onProgress),
    });
    return new WordVectors(table);
  }

  /** Number of words. */
  get size(): number {
    return this.words.length;
  }

  has(word: string): boolean {
    return this.#places.has(word);
  }

  /**
   * A copy of a word's vector.
   *
   * @throws {EmbedlaneError} `ERR_INVALID_ARG` for a word without one
   */
  vector(word: string): Float32Array {
    const place = typeof word === 'string' ? this.#places.get(word) : undefined;
    if (place === undefined) throw invalidArgument('word', `one of the ${this.size} known words`, word);
    return this.#data.slice(place * this.dimensions, (place + 1) * this.dimensions);
  }

  /** Cosine similarity of two words. */
  similarity(a: string, b: string): number {
    return cosine(this.vector(a), this.vector(b));
  }

  /**
   * The mean of the known ones among `words`; zeros if none is known. A simple vector for a sentence.
   *
   * @param words a text's words, cut by whatever rule the vectors were made with
   */
  mean(words: readonly string[]): Float32Array {
    if (!Array.isArray(words)) throw invalidArgument('words', 'an array of strings', words);
    // Numbers, or lists of words for several texts, are unknown words without exception: zeros.
    const known = textList('words', words).flatMap((word) => this.#places.get(word) ?? []);
    const out = new Float32Array(this.dimensions);
    for (let d = 0; d < out.length; d++) {
      let sum = 0;
      for (const place of known) sum += this.#data[place * this.dimensions + d];
      out[d] = sum / Math.max(1, known.length);
    }
    return out;
  }

  /**
   * The words nearest to the mean of the positive words' directions minus the negative ones' (Mikolov et al., 2013):
   * `{ positive: ['king', 'woman'], negative: ['man'] }` asks what is to woman as king is to man. The words of the
   * query are left out.
   *
   * @throws {EmbedlaneError} `ERR_INVALID_ARG` for unknown words, `ERR_DIMENSION` for vectors of another width
   */
  async mostSimilar(query: MostSimilarQuery): Promise<SimilarWord[]> {
    const given = optionsObject<MostSimilarQuery>('query', query, ['positive', 'negative', 'topK', 'signal']);
    const signal = optionalSignal('signal', given.signal);
    const k = given.topK === undefined ? 10 : integer('topK', given.topK, 1, MAX_WORDS);
    const [positive, negative] = [asList(given.positive), asList(given.negative)];
    if (positive.length + negative.length === 0)
      throw invalidArgument('query', 'a positive or negative word', query);
    const target = new Float64Array(this.dimensions);
    for (const item of positive) this.#add(target, item, 1);
    for (const item of negative) this.#add(target, item, -1);
    const excluded = new Set(
      [...positive, ...negative].map((item) => (typeof item === 'string' ? this.#places.get(item) : -1)),
    );
    const { size, dimensions: dims } = this;
    const hits = await nearest(
      { data: Float32Array.from(target), rows: 1, dims },
      { data: this.#data, rows: size, dims },
      { k: Math.min(size, k + excluded.size), metric: 'cosine', signal },
    );
    const found = hits.get(0).filter(({ index }) => !excluded.has(index));
    return found.slice(0, k).map(({ index, score }) => ({ word: this.words[index], score }));
  }

  #add(target: Float64Array, item: string | Float32Array, sign: number): void {
    const vector = typeof item === 'string' ? this.vector(item) : item;
    if (!isTyped(vector, Float32Array)) throw invalidArgument('query', 'words or Float32Arrays', item);
    if (vector.length !== target.length) {
      throw new EmbedlaneError(
        'ERR_DIMENSION',
        `Expected vectors of ${target.length} values but received ${vector.length}`,
      );
    }
    const length = Math.hypot(...vector) || 1;
    for (let d = 0; d < target.length; d++) target[d] += (sign * vector[d]) / length;
  }
}

function asList(value: MostSimilarQuery['positive']): readonly (string | Float32Array)[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value as string | Float32Array];
}
