import { fork } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { outcome } from '../outcome.js';

/** The way to a server, on which its answers can be held back: connections stay open, also when a client ends them. */
export class Silence {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #upstreams = new Set<Socket>();
  #isSilent = false;

  /** @param port of the server; undefined if there is none, which never answers */
  private constructor(port: number | undefined) {
    this.#server = createServer({ allowHalfOpen: true }, (socket) => {
      this.#keep(socket, this.#sockets);
      if (port === undefined) return socket.resume();
      const upstream = this.#keep(connect(port, '127.0.0.1'), this.#upstreams);
      upstream.on('data', (bytes) => socket.write(bytes)).on('end', () => this.#isSilent || socket.end());
      if (this.#isSilent) upstream.pause();
      socket.pipe(upstream);
    });
  }

  static async before(port?: number): Promise<Silence> {
    const silence = new Silence(port);
    silence.#server.listen(0, '127.0.0.1');
    await once(silence.#server, 'listening');
    return silence;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  begin(): void {
    this.#isSilent = true;
    for (const upstream of this.#upstreams) upstream.pause();
  }

  end(): void {
    this.#isSilent = false;
    for (const upstream of this.#upstreams) upstream.resume();
  }

  close(): void {
    this.#server.close();
    for (const socket of [...this.#sockets, ...this.#upstreams]) socket.destroy();
  }

  #keep(socket: Socket, among: Set<Socket>): Socket {
    among.add(socket);
    return socket.on('error', () => {}).on('close', () => among.delete(socket));
  }
}

const program = fileURLToPath(new URL('silence-child.mjs', import.meta.url));

/**
 * Has a process use a store with a record `a` through a server that falls silent, and checks that it gives up with
 * typed errors, goes on when there are answers again, closes without one, and ends.
 *
 * @param port of the server
 * @param url of the store, if the server were at `port`; with time-outs
 * @param failures what search, upsert and count say
 */
export async function expectToSurviveSilence(
  port: number,
  url: (port: number) => string,
  failures: readonly RegExp[],
): Promise<void> {
  const silence = await Silence.before(port);
  const child = fork(program, [url(silence.port)], { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
  try {
    const ended = outcome(child);
    const message = async () => {
      const [said] = await Promise.race([
        once(child, 'message'),
        ended.then((end) => Promise.reject(new Error(`The process ended early: ${end.stderr}`))),
      ]);
      return said as [string, unknown];
    };
    expect(await message()).toEqual(['open']);
    silence.begin();
    child.send('go on');
    expect(await message()).toEqual(['failed', failures.map((failure) => expect.stringMatching(failure))]);
    silence.end();
    child.send('go on');
    expect(await message()).toEqual(['back', expect.stringContaining('"id":"a"')]);
    silence.begin();
    child.send('go on');
    expect(await ended).toEqual({ code: 0, signal: null, stdout: '', stderr: '' });
  } finally {
    child.kill('SIGKILL');
    silence.close();
  }
}
