import { EmbedlaneError } from '../core/errors.js';
import type { RuntimeMeter } from '../runtime/index.js';
import { chunkTexts } from '../text/lane/chunks.js';
import type {
  ChunkParams,
  CountParams,
  DecodeParams,
  Loaded,
  TokenizeParams,
  TokenizeResult,
} from '../text/lane/protocol.js';
import { dropPieces, receivePiece, receiveTexts } from '../text/lane/texts.js';
import type { EncodePlan } from '../text/options.js';
import type { RowSink } from '../text/rows.js';
import type { TextJob, TextLane, TextLaneCalls } from '../text/text-lane.js';
import type { StaticModel } from './model.js';
import { StaticTextJob } from './text-job.js';

/**
 * A static model in the place of a lane, in this process: the addon's threads embed texts, and the tokenizer's worker
 * answers what else a lane is asked.
 */
export class StaticTextLane implements TextLane {
  readonly #model: StaticModel;
  readonly #calls: TextLaneCalls = {
    call: (method, params) => this.#answer(method, params),
    note: async (method, params) => this.note(method, params),
  };

  constructor(model: StaticModel) {
    this.#model = model;
  }

  get loaded(): Loaded {
    return {
      dimensions: this.#model.dims,
      tokenDimensions: undefined,
      truncationSide: this.#model.truncationSide,
      specialTokens: 0,
    };
  }

  get closed(): boolean {
    return this.#model.closed;
  }

  /** The addon's threads are shared by all calls. */
  get size(): number {
    return 1;
  }

  get ready(): number {
    return 1;
  }

  get device(): 'cpu' {
    return 'cpu';
  }

  get health(): { alive: number; deaths: number } {
    return { alive: this.closed ? 0 : 1, deaths: 0 };
  }

  run<T>(task: (lane: TextLaneCalls) => Promise<T>): Promise<T> {
    return task(this.#calls);
  }

  async spread(perLane: number, loop: () => Promise<void>): Promise<void> {
    await Promise.all(Array.from({ length: perLane }, loop));
  }

  wait(): () => void {
    return () => {};
  }

  note(method: string, params: unknown): void {
    if (method === 'piece') receivePiece(params as Parameters<typeof receivePiece>[0]);
    else if (method === 'drop') dropPieces(params as Parameters<typeof dropPieces>[0]);
  }

  job<Result>(
    texts: readonly string[],
    plan: EncodePlan,
    sink: RowSink<Result>,
    meter: RuntimeMeter,
  ): TextJob<Result> {
    return new StaticTextJob(this.#model, texts, plan, sink, meter);
  }

  async close(): Promise<void> {
    this.#model.close();
  }

  async #answer(method: string, params: unknown): Promise<unknown> {
    switch (method) {
      case 'tokenize':
        return this.#tokenize(params as TokenizeParams);
      case 'count':
        return (await this.#model.count(receiveTexts((params as CountParams).texts)))[0];
      case 'chunk':
        return this.#chunk(params as ChunkParams);
      case 'decode': {
        const { ids, skipSpecialTokens } = params as DecodeParams;
        return this.#model.decode(ids, skipSpecialTokens);
      }
      default:
        throw new EmbedlaneError(
          'ERR_RUNTIME',
          `Expected a call that a static model answers but received '${method}'`,
        );
    }
  }

  async #tokenize({ texts, open }: TokenizeParams): Promise<TokenizeResult> {
    const { ids, ends, tokens, offsets } = await this.#model.tokenize(receiveTexts(texts), true);
    const lengths = Uint32Array.from(ends, (end, i) => end - (ends[i - 1] ?? 0));
    return { lengths, ids, tokens, offsets, unfinished: open };
  }

  #chunk(params: ChunkParams) {
    const model = this.#model;
    const tokenizer = {
      maxTokens: Number.isFinite(model.maxTokens) ? model.maxTokens : undefined,
      count: (texts: string[]) => model.count(texts),
      tokens: async (text: string) => {
        const { offsets } = await model.tokenize([text], false);
        return { offsets: Array.from(offsets), words: [] };
      },
    };
    return chunkTexts(tokenizer, receiveTexts(params.texts), params);
  }
}
