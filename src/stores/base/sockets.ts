import type { Socket } from 'node:net';

/** Milliseconds to send what a client says at its end. */
const GOODBYE = 1000;

/** The sockets of a pool of connections, whose client waits at the end for a server that may not answer any more. */
export class Sockets {
  readonly #open = new Set<Socket>();

  add(socket: Socket): Socket {
    this.#open.add(socket);
    socket.once('close', () => this.#open.delete(socket));
    return socket;
  }

  /** Closes all of them, after what is still to be sent: an open one would keep the process alive. */
  end(): void {
    for (const socket of this.#open) {
      socket.destroySoon();
      const timer = setTimeout(() => socket.destroy(), GOODBYE);
      socket.once('close', () => clearTimeout(timer));
    }
  }
}
