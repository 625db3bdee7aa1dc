import { invalidArgument } from '../core/errors.js';
import { optionalString, optionsObject } from '../core/validate.js';
import { TextEmbedder } from '../text/index.js';

/** What a table remembers of its embedding function. */
export interface LanceDbOptions {
  /** As for `TextEmbedder.load`. Default `all-MiniLM-L6-v2`. */
  model?: string;
}

type Abstract<T> = { prototype: T };

const DEFAULT_MODEL = 'all-MiniLM-L6-v2';

/**
 * The class of an embedding function for LanceDB, to be registered there: tables remember its name and its model,
 * and a program that opens them again and has registered it searches them with texts.
 *
 * @param TextEmbeddingFunction the class of that name from `@lancedb/lancedb/embedding`: it is handed over so that
 *   embedlane need not have the package among its own
 * @throws {EmbedlaneError} `ERR_INVALID_ARG`
 *
 * @example
 * import { getRegistry, LanceSchema, register, TextEmbeddingFunction } from '@lancedb/lancedb/embedding';
 * register('embedlane')(lanceDbEmbeddingFunction(TextEmbeddingFunction));
 * const embed = await getRegistry().get('embedlane').create({ model: 'all-MiniLM-L6-v2' });
 * const schema = LanceSchema({ text: embed.sourceField(new Utf8()), vector: embed.vectorField() });
 */
export function lanceDbEmbeddingFunction<T>(
  TextEmbeddingFunction: Abstract<T>,
): new (
  options?: LanceDbOptions,
) => T {
  const prototype: unknown = (TextEmbeddingFunction as Partial<Abstract<T>> | null | undefined)?.prototype;
  if (typeof TextEmbeddingFunction !== 'function' || prototype === undefined) {
    throw invalidArgument('TextEmbeddingFunction', 'the class of LanceDB', TextEmbeddingFunction);
  }
  const Base = TextEmbeddingFunction as unknown as new () => object;
  class EmbedlaneFunction extends Base {
    readonly #model: string;
    #loading: Promise<TextEmbedder> | undefined;
    #dimensions: number | undefined;

    constructor(options?: LanceDbOptions) {
      super();
      const given = optionsObject<LanceDbOptions>('options', options, ['model']);
      this.#model = optionalString('model', given.model) ?? DEFAULT_MODEL;
    }

    async init(): Promise<void> {
      this.#dimensions = (await this.#load()).dimensions;
    }

    ndims(): number | undefined {
      return this.#dimensions;
    }

    toJSON(): LanceDbOptions {
      return { model: this.#model };
    }

    async generateEmbeddings(texts: string[]): Promise<number[][]> {
      return (await this.#load()).embedDocuments(texts);
    }

    async computeQueryEmbeddings(text: string): Promise<number[]> {
      return (await this.#load()).embedQuery(text);
    }

    #load(): Promise<TextEmbedder> {
      this.#loading ??= TextEmbedder.load(this.#model);
      this.#loading.catch(() => {
        this.#loading = undefined;
      });
      return this.#loading;
    }
  }
  return EmbedlaneFunction as unknown as new (
    options?: LanceDbOptions,
  ) => T;
}
