import type { FastifyRequest } from 'fastify';
import type { Usage } from './engine/engine.js';

/** What the server remembers of a request besides what the framework does. */
interface RequestState {
  abort: AbortController;
  /** Name of the model that served it. */
  model?: string;
  texts?: number;
  tokens?: number;
  /** Which key it came with, as a short digest. */
  key?: string;
  /** Bytes that it was admitted with. */
  bytes?: number;
}

const states = new WeakMap<FastifyRequest, RequestState>();

export function stateOf(request: FastifyRequest): RequestState {
  let state = states.get(request);
  if (!state) {
    state = { abort: new AbortController() };
    states.set(request, state);
  }
  return state;
}

/** Fires when the client has gone. */
export function signalOf(request: FastifyRequest): AbortSignal {
  return stateOf(request).abort.signal;
}

/** Remembers what a request took, for the log, the metrics and the rate limit. */
export function note(request: FastifyRequest, { model, count, tokens }: Usage): void {
  Object.assign(stateOf(request), { model: model.name, texts: count, tokens });
}
