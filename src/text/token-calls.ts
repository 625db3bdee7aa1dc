import { throwIfAborted } from '../core/abort.js';
import { EmbedlaneError, invalidArgument, withCallerStack } from '../core/errors.js';
import { optionalBoolean, optionsObject, textList } from '../core/validate.js';
import type { Chunk } from './chunking/chunk-embeddings.js';
import { cutTexts } from './chunking/cut-texts.js';
import {
  type ChunkTextOptions,
  checkChunkRequest,
  checkTokenIds,
  type DecodeOptions,
  type ModelSettings,
} from './options.js';
import type { TextLane } from './text-lane.js';
import { countTextTokens, decodeTokens, type Tokenized, tokenizeTexts } from './tokenize-job.js';

/** The calls of a model that need its tokenizer only: checked, then asked of the lane, with the caller's stack. */
export class TokenCalls {
  readonly #lane: TextLane;
  readonly #settings: ModelSettings;
  /** Route whose tokenizer stands for the model's. */
  readonly #route: number;

  constructor(lane: TextLane, settings: ModelSettings) {
    this.#lane = lane;
    this.#settings = settings;
    this.#route = settings.routeOf.default ?? 0;
  }

  /** @param head characters of each text to send at first */
  tokenize(texts: unknown, head: number): Promise<Tokenized[]> {
    const list = textList('texts', texts);
    return this.#ask(() => tokenizeTexts(this.#lane, list, this.#route, head));
  }

  count(text: unknown): Promise<number> {
    const checked = oneText(text);
    return this.#ask(() => countTextTokens(this.#lane, checked, this.#route));
  }

  decode(ids: unknown, options: DecodeOptions | undefined): Promise<string | string[]> {
    const { single, lists } = checkTokenIds('ids', ids);
    const { skipSpecialTokens } = optionsObject<DecodeOptions>('options', options, ['skipSpecialTokens']);
    const skip = optionalBoolean('skipSpecialTokens', skipSpecialTokens) ?? true;
    return this.#ask(async () => {
      const texts = await decodeTokens(this.#lane, lists, this.#route, skip);
      return single ? texts[0] : texts;
    });
  }

  chunk(text: unknown, options: ChunkTextOptions | undefined): Promise<Chunk[]> {
    const checked = oneText(text);
    const request = checkChunkRequest(options, this.#settings);
    return this.#ask(async () => {
      throwIfAborted(request.signal);
      return (await cutTexts(this.#lane, [checked], request))[0].chunks;
    });
  }

  async #ask<T>(call: () => Promise<T>): Promise<T> {
    if (this.#lane.closed) throw closedError();
    try {
      return await call();
    } catch (error) {
      throw withCallerStack(error);
    }
  }
}

export function closedError(): EmbedlaneError {
  return new EmbedlaneError('ERR_CLOSED', 'Expected an open model but it has been closed');
}

export function oneText(text: unknown): string {
  if (typeof text !== 'string') throw invalidArgument('text', 'a string', text);
  return text;
}
