import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** What waits for the end of each connection. */
const waiting = new WeakMap<Socket, Set<() => void>>();

/**
 * Calls `then` once, when an answer has been sent or its connection is gone. The second has to be asked of the connection:
 * an answer that waits behind another one of a pipelining client is not told by Node.
 */
export function whenEnded(answer: ServerResponse, connection: Socket, then: () => void): void {
  if (connection.closed) {
    then();
    return;
  }
  const all = waiting.get(connection) ?? watch(connection);
  const end = () => {
    if (all.delete(end)) then();
  };
  all.add(end);
  answer.once('close', end);
}

function watch(connection: Socket): Set<() => void> {
  const all = new Set<() => void>();
  waiting.set(connection, all);
  connection.once('close', () => {
    for (const end of all) end();
  });
  return all;
}
