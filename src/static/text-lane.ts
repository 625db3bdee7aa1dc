import { EmbedlaneError } from '../core/errors.js';
import { chunkTexts } from '../text/lane/chunks.js';
import type {
  CancelParams,
  ChunkParams,
  CountParams,
  DecodeParams,
  EmbedParams,
  EmbedResult,
  EmbedRows,
  Loaded,
  TokenizeParams,
  TokenizeResult,
} from '../text/lane/protocol.js';
import { dropPieces, receivePiece, receiveTexts } from '../text/lane/texts.js';
import type { TextLane, TextLaneCalls } from '../text/text-lane.js';
import type { StaticModel } from './model.js';

/**
 * A static model in the place of a lane: it answers the same calls, in this process, where the addon's threads and
 * the tokenizer's worker do the work.
 */
export class StaticTextLane implements TextLane {
  readonly #model: StaticModel;
  /** Jobs with calls here, by their number. */
  readonly #jobs = new Map<number, { calls: number; stop: AbortController }>();
  readonly #calls: TextLaneCalls = {
    call: (method, params, onEvent) => this.#answer(method, params, onEvent as (value: unknown) => void),
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
    else if (method === 'cancel') this.#jobs.get((params as CancelParams).job)?.stop.abort();
  }

  async close(): Promise<void> {
    this.#model.close();
  }

  async #answer(method: string, params: unknown, report: (value: unknown) => void): Promise<unknown> {
    switch (method) {
      case 'embed':
        return this.#embed(params as EmbedParams, report);
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

  async #embed(params: EmbedParams, report: (rows: EmbedRows) => void): Promise<EmbedResult> {
    const { prompt, normalize, truncation, open } = params;
    const texts = receiveTexts(params.texts);
    const dims = Math.min(params.truncateDim ?? this.#model.dims, this.#model.dims);
    // Of a text that is only begun, nobody here can tell whether it is enough.
    const rows = Uint32Array.from(texts.keys()).filter((index) => !open.includes(index));
    const { data, lengths } = await this.#during(params.job, (signal) =>
      this.#model.embed(
        Array.from(rows, (index) => texts[index]),
        { prompt, normalize, dims, truncation, signal, onProgress: undefined },
      ),
    );
    report({ rows, data, lengths, tokens: lengths.reduce((sum, length) => sum + length, 0) });
    return { unfinished: open };
  }

  /** Runs a call of a job, which `cancel` aborts. */
  async #during<T>(id: number, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const job = this.#jobs.get(id) ?? { calls: 0, stop: new AbortController() };
    this.#jobs.set(id, job);
    job.calls++;
    try {
      return await call(job.stop.signal);
    } finally {
      job.calls--;
      if (job.calls === 0) this.#jobs.delete(id);
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
