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
  if (fault.retryAfter !== undefined) reply.header('retry-after', String(fault.retryAfter));
  if (fault.kind === 'unauthorized') reply.header('www-authenticate', 'Bearer');
  reply.status(dialect.faultStatus?.(fault) ?? fault.status);
  if (fault.kind === 'backend') reply.log.error({ err: fault.cause ?? fault }, 'request failed');
  return sendJson(reply, JSON.stringify(dialect.faultBody(fault, reply.request.id)));
}

/** Sends JSON that is text, or the pieces of it, already. */
export function sendJson(reply: FastifyReply, json: string | Readable): FastifyReply {
  return reply.type('application/json; charset=utf-8').send(json);
}
