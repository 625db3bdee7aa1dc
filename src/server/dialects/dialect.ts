import type { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Engine } from '../engine/engine.js';
import { type Fault, toFault } from '../fault.js';

/** What the routes of a dialect work with. */
export interface DialectContext {
  engine: Engine;
  version: string;
  /** Whether the server still takes requests. */
  ready(): boolean;
}

/** How a dialect says what went wrong. */
export type FaultBody = (fault: Fault, requestId: string) => object | string;

/** A group of routes whose errors all have the same shape. */
export interface Dialect {
  name: string;
  faultBody: FaultBody;
  /** Another status than the usual, where the dialect has one. */
  faultStatus?(fault: Fault): number;
  routes(app: FastifyInstance, context: DialectContext): void;
}

export function sendFault(
  reply: FastifyReply,
  dialect: Pick<Dialect, 'faultBody' | 'faultStatus'>,
  error: unknown,
): FastifyReply {
  const fault = toFault(error);
  if (fault.retryAfter !== undefined) setRetryAfter(reply, fault.kind, fault.retryAfter);
  if (fault.kind === 'unauthorized') reply.header('www-authenticate', 'Bearer');
  reply.status(dialect.faultStatus?.(fault) ?? fault.status);
  if (fault.kind === 'backend') reply.log.error({ err: fault.cause ?? fault }, 'request failed');
  return sendJson(reply, JSON.stringify(dialect.faultBody(fault, reply.request.id)));
}

/**
 * Clients who are refused together obey together, so under overload each is told another time, half of what it will take
 * to half more: in milliseconds for those that read that (OpenAI's do), and in whole seconds, the standard's unit (RFC 9110,
 * 10.2.3). Of a rate limit nobody should come back sooner than it allows.
 */
function setRetryAfter(reply: FastifyReply, kind: Fault['kind'], seconds: number): void {
  if (kind !== 'overloaded') {
    reply.header('retry-after', String(seconds));
    return;
  }
  const milliseconds = Math.round(1000 * seconds * (0.5 + Math.random()));
  reply.header('retry-after-ms', String(milliseconds));
  reply.header('retry-after', String(Math.ceil(milliseconds / 1000)));
}

/** Sends JSON that is text, or the pieces of it, already. */
export function sendJson(reply: FastifyReply, json: string | Readable): FastifyReply {
  return reply.type('application/json; charset=utf-8').send(json);
}
