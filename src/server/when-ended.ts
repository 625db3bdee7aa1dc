import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyRequest } from 'fastify';

/** What waits for the end of a connection. */
interface Waiting {
  /** Answers that are under way on it. */
  answers: Set<() => void>;
  closed: AbortController;
}

const connections = new WeakMap<Socket, Waiting>();

/**
 * Calls `then` once, when an answer has been sent or its connection is gone. The second has to be asked of the connection:
 * an answer that waits behind another one of a pipelining client is not told by Node.
 */
export function whenEnded(answer: ServerResponse, connection: Socket, then: () => void): void {
  if (connection.closed) {
    then();
    return;
  }
  const { answers } = waitingFor(connection);
  const end = () => {
    if (answers.delete(end)) then();
  };
  answers.add(end);
  answer.once('close', end);
}

/**
 * Fires when the client has gone: nobody waits for what is still queued. All requests of a connection share one signal,
 * since the only way not to get an answer over HTTP/1.1 is to lose the connection, and signals are dear.
 */
export function signalOf({ raw: { socket } }: FastifyRequest): AbortSignal {
  const { closed } = waitingFor(socket);
  if (socket.closed) closed.abort();
  return closed.signal;
}

function waitingFor(connection: Socket): Waiting {
  let waiting = connections.get(connection);
  if (!waiting) {
    const answers = new Set<() => void>();
    const closed = new AbortController();
    waiting = { answers, closed };
    connections.set(connection, waiting);
    connection.once('close', () => {
      for (const end of answers) end();
      closed.abort();
    });
  }
  return waiting;
}
