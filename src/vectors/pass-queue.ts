import { setImmediate } from 'node:timers/promises';
import { EmbedlaneError } from '../core/errors.js';
import type { TopKArrays, TopKTask, VectorData } from '../native/binding.js';

/** Searches up to this many queries wait for their turn; larger ones make good use of a pass alone. */
export const MAX_SHARED_QUERIES = 16;

/** Queries of one pass. */
const PASS_QUERIES = 256;

/** Results that are handed out in one turn of the event loop: about a millisecond, with what their callers do first. */
const RESULTS_A_TURN = 32;

/** A search under way. */
export interface PassTask<Found> {
  promise: Promise<Found>;
  cancel(): void;
}

/** How one corpus is searched for a matrix of queries, and what single queries get of the result. */
export interface Pass<Queries extends VectorData, Found> {
  start(queries: Queries, rows: number): PassTask<Found>;
  /** The result for queries `first` to `end` of `rows`. */
  share(found: Found, first: number, end: number, rows: number): Found;
}

interface Request<Queries, Found> {
  readonly queries: Queries;
  readonly rows: number;
  readonly resolve: (found: Found) => void;
  readonly reject: (error: unknown) => void;
  cancelled: boolean;
}

/**
 * Searches of one corpus that arrive while another is under way share the next pass over it: reading the corpus
 * once for 256 queries takes little longer than for one. A query's result does not depend on its company.
 */
export class PassQueue<Queries extends VectorData, Found> {
  #waiting: Request<Queries, Found>[] = [];
  #running = false;

  /**
   * @param pass how to search
   * @param onIdle called when nothing is left to do
   */
  constructor(
    private readonly pass: Pass<Queries, Found>,
    private readonly onIdle: () => void,
  ) {}

  /** Queues a search. Its queries may be overwritten once this returns. */
  add(queries: Queries, rows: number): PassTask<Found> {
    let request: Request<Queries, Found> | undefined;
    const promise = new Promise<Found>((resolve, reject) => {
      // The pass copies queries that it starts with at once.
      const own = this.#running ? (queries.slice() as Queries) : queries;
      request = { queries: own, rows, resolve, reject, cancelled: false };
    });
    const added = request as unknown as Request<Queries, Found>;
    this.#waiting.push(added);
    if (!this.#running) this.#start();
    return {
      promise,
      cancel: () => {
        if (added.cancelled) return;
        added.cancelled = true;
        added.reject(new EmbedlaneError('ERR_ABORTED', 'The operation was aborted'));
        this.#cancelUnwanted();
      },
    };
  }

  /** Stops the pass under way; none is left who waits for it. */
  #cancelUnwanted: () => void = () => {};

  #start(): void {
    const requests = this.#take();
    if (requests.length === 0) {
      this.#running = false;
      this.onIdle();
      return;
    }
    this.#running = true;
    const rows = requests.reduce((sum, request) => sum + request.rows, 0);
    let task: PassTask<Found>;
    try {
      task = this.pass.start(requests.length === 1 ? requests[0].queries : joined(requests), rows);
    } catch (error) {
      for (const request of requests) request.reject(error);
      this.#start();
      return;
    }
    this.#cancelUnwanted = () => {
      if (requests.every((request) => request.cancelled)) task.cancel();
    };
    task.promise.then(
      (found) => {
        // First of all, so that the threads have work while the results are handed out.
        this.#start();
        return this.#deal(found, requests, rows);
      },
      (error) => {
        for (const request of requests) request.reject(error);
        this.#start();
      },
    );
  }

  /** The first requests that fit one pass and are still wanted. */
  #take(): Request<Queries, Found>[] {
    const taken: Request<Queries, Found>[] = [];
    let rows = 0;
    let next = 0;
    for (; next < this.#waiting.length; next++) {
      const request = this.#waiting[next];
      if (request.cancelled) continue;
      if (rows > 0 && rows + request.rows > PASS_QUERIES) break;
      taken.push(request);
      rows += request.rows;
    }
    this.#waiting = this.#waiting.slice(next);
    return taken;
  }

  /** Gives every request its share of the results, with turns of the event loop between. */
  async #deal(found: Found, requests: readonly Request<Queries, Found>[], rows: number): Promise<void> {
    if (requests.length === 1) {
      requests[0].resolve(found);
      return;
    }
    let first = 0;
    for (const [i, request] of requests.entries()) {
      request.resolve(this.pass.share(found, first, first + request.rows, rows));
      first += request.rows;
      if ((i + 1) % RESULTS_A_TURN === 0) await setImmediate();
    }
  }
}

function joined<Queries extends VectorData>(requests: readonly { queries: Queries }[]): Queries {
  const ArrayType = requests[0].queries.constructor as new (length: number) => Queries;
  const all = new ArrayType(requests.reduce((sum, { queries }) => sum + queries.length, 0));
  let at = 0;
  for (const { queries } of requests) {
    all.set(queries, at);
    at += queries.length;
  }
  return all;
}

/** What single queries get of a `topK`. */
function shareOfTopK({ indices, scores }: TopKArrays, first: number, end: number, rows: number): TopKArrays {
  const k = indices.length / rows;
  return { indices: indices.slice(first * k, end * k), scores: scores.slice(first * k, end * k) };
}

const queues = new WeakMap<ArrayBufferLike, Map<string, PassQueue<VectorData, TopKArrays>>>();

/** The queue of searches with `topK` that differ in nothing but their queries. */
export function passQueue(
  memory: ArrayBufferLike,
  key: string,
  start: (queries: VectorData, rows: number) => TopKTask,
): PassQueue<VectorData, TopKArrays> {
  let ofMemory = queues.get(memory);
  if (!ofMemory) {
    ofMemory = new Map();
    queues.set(memory, ofMemory);
  }
  const existing = ofMemory.get(key);
  if (existing) return existing;
  const created = new PassQueue<VectorData, TopKArrays>({ start, share: shareOfTopK }, () =>
    ofMemory.delete(key),
  );
  ofMemory.set(key, created);
  return created;
}
