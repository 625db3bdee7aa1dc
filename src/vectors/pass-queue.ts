import { EmbedlaneError } from '../core/errors.js';
import type { TopKArrays, TopKTask, VectorData } from '../native/binding.js';

/** Searches up to this many queries wait for their turn; larger ones make good use of a pass alone. */
export const MAX_SHARED_QUERIES = 16;

/** Queries of one pass. */
const PASS_QUERIES = 256;

/** Searches one corpus for a matrix of queries. */
export type Pass = (queries: VectorData, rows: number) => TopKTask;

interface Request {
  readonly queries: VectorData;
  readonly rows: number;
  readonly resolve: (found: TopKArrays) => void;
  readonly reject: (error: unknown) => void;
  cancelled: boolean;
}

/**
 * Searches of one corpus that arrive while another is under way share the next pass over it: reading the corpus
 * once for 256 queries takes little longer than for one. A query's result does not depend on its company.
 */
export class PassQueue {
  #waiting: Request[] = [];
  #running = false;

  /**
   * @param pass starts one search
   * @param onIdle called when nothing is left to do
   */
  constructor(
    private readonly pass: Pass,
    private readonly onIdle: () => void,
  ) {}

  /** Queues a search. Its queries may be overwritten once this returns. */
  add(queries: VectorData, rows: number): TopKTask {
    let request: Request | undefined;
    const promise = new Promise<TopKArrays>((resolve, reject) => {
      // The pass copies queries that it starts with at once.
      const own = this.#running ? queries.slice() : queries;
      request = { queries: own, rows, resolve, reject, cancelled: false };
    });
    const added = request as unknown as Request;
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
    let task: TopKTask;
    try {
      task = this.pass(requests.length === 1 ? requests[0].queries : joined(requests), rows);
    } catch (error) {
      for (const request of requests) request.reject(error);
      this.#start();
      return;
    }
    this.#cancelUnwanted = () => {
      if (requests.every((request) => request.cancelled)) task.cancel();
    };
    task.promise
      .then(
        (found) => deal(found, requests, rows),
        (error) => {
          for (const request of requests) request.reject(error);
        },
      )
      .finally(() => this.#start());
  }

  /** The first requests that fit one pass and are still wanted. */
  #take(): Request[] {
    const taken: Request[] = [];
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
}

function joined(requests: readonly Request[]): VectorData {
  const ArrayType = requests[0].queries.constructor as new (length: number) => VectorData;
  const all = new ArrayType(requests.reduce((sum, { queries }) => sum + queries.length, 0));
  let at = 0;
  for (const { queries } of requests) {
    all.set(queries, at);
    at += queries.length;
  }
  return all;
}

/** Gives every request its share of the results. */
function deal(found: TopKArrays, requests: readonly Request[], rows: number): void {
  if (requests.length === 1) {
    requests[0].resolve(found);
    return;
  }
  const k = found.indices.length / rows;
  let at = 0;
  for (const request of requests) {
    const end = at + request.rows * k;
    request.resolve({ indices: found.indices.slice(at, end), scores: found.scores.slice(at, end) });
    at = end;
  }
}

const queues = new WeakMap<ArrayBufferLike, Map<string, PassQueue>>();

/** The queue of searches that differ in nothing but their queries. */
export function passQueue(memory: ArrayBufferLike, key: string, pass: Pass): PassQueue {
  let ofMemory = queues.get(memory);
  if (!ofMemory) {
    ofMemory = new Map();
    queues.set(memory, ofMemory);
  }
  const existing = ofMemory.get(key);
  if (existing) return existing;
  const created = new PassQueue(pass, () => ofMemory.delete(key));
  ofMemory.set(key, created);
  return created;
}
