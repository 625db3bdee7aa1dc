import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Usage } from './engine/engine.js';

/** What the server remembers of a request besides what the framework does. */
interface RequestState {
  /** The path as it was registered; `unknown` for one that there is not. */
  readonly route: string;
  /** Name of the model that served it. */
  model: string | undefined;
  texts: number | undefined;
  tokens: number | undefined;
  /** Which key it came with, as a short digest. */
  key: string | undefined;
  /** Hears how many bytes the body has, where the client did not say so before. */
  arrived: ((bytes: number) => void) | undefined;
}

const STATE = Symbol('state');

interface Stated {
  [STATE]: RequestState | undefined;
}

/** Gives every request a place for its state. */
export function keepStates(app: FastifyInstance): void {
  app.decorateRequest(STATE, undefined);
}

export function stateOf(request: FastifyRequest): RequestState {
  const stated = request as unknown as Stated;
  stated[STATE] ??= {
    route: request.routeOptions.url ?? 'unknown',
    model: undefined,
    texts: undefined,
    tokens: undefined,
    key: undefined,
    arrived: undefined,
  };
  return stated[STATE];
}

/** Remembers what a request took, for the log, the metrics and the rate limit. */
export function note(request: FastifyRequest, { model, count, tokens }: Usage): void {
  const state = stateOf(request);
  state.model = model.name;
  state.texts = count;
  state.tokens = tokens;
}
