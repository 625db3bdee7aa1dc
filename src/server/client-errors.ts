import { type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';

/** Requests whose answers have not been sent yet, of each connection, in their order. */
const unanswered = new WeakMap<Socket, Map<IncomingMessage, ServerResponse>>();

/** Connections on which a client has gone wrong: whatever it sends after that belongs to nothing. */
const failed = new WeakSet<Socket>();

/** Has {@link onClientError} know what a connection's client waits for. */
export function watchRequests(server: Server): void {
  // Before whoever answers, perhaps at once.
  server.prependListener('request', (request: IncomingMessage, answer: ServerResponse) => {
    const { socket } = request;
    const answers = unanswered.get(socket) ?? new Map<IncomingMessage, ServerResponse>();
    unanswered.set(socket, answers.set(request, answer));
    answer.once('close', () => answers.delete(request));
  });
}

/**
 * Ends the connection of a client that sends what is no HTTP, or is too slow. Requests that came whole before that are
 * answered first: the order of answers is all that tells a pipelining client which one belongs to what.
 */
export function onClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed || failed.has(socket)) return;
  failed.add(socket);
  const whole = Array.from(unanswered.get(socket) ?? []).findLast(([request]) => request.complete);
  if (whole) whole[1].once('close', () => refuse(error, socket));
  else refuse(error, socket);
}

function refuse({ code }: NodeJS.ErrnoException, socket: Socket): void {
  const begun = Array.from(unanswered.get(socket)?.values() ?? []).some(({ headersSent }) => headersSent);
  if (socket.writable && !begun) {
    const [status, message] = refusalOf(code);
    const body = JSON.stringify({ error: STATUS_CODES[status], message, statusCode: status });
    socket.write(
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Length: ${body.length}\r\n` +
        `Content-Type: application/json\r\nConnection: close\r\n\r\n${body}`,
    );
  }
  socket.destroySoon();
}

function refusalOf(code: string | undefined): [status: number, message: string] {
  switch (code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return [408, 'Client Timeout'];
    case 'HPE_HEADER_OVERFLOW':
      return [431, 'Exceeded maximum allowed HTTP header size'];
    default:
      return [400, 'Client Error'];
  }
}
