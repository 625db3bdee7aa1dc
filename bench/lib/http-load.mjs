import { connect } from 'node:net';

const LAST_CHUNK = Buffer.from('0\r\n\r\n');

/** Milliseconds after which an idle connection is given up, as undici does: well before a server would close it. */
const IDLE = 4000;

/** Connections that {@link Connections.open} opens at a time. */
const AT_A_TIME = 32;

/**
 * As little of an HTTP client as a load needs, so that what it costs is not taken for the server's: clients for
 * programs take as much processor time as the server does, on the same cores.
 */
export class Connections {
  #idle = [];
  #host;
  #port;
  #head;
  #keep;

  /**
   * @param url of the server and the path
   * @param keep milliseconds after which an idle connection is given up
   */
  constructor(url, keep = IDLE) {
    this.#keep = keep;
    const { hostname, port, pathname } = new URL(url);
    this.#host = hostname;
    this.#port = Number(port);
    this.#head = `POST ${pathname} HTTP/1.1\r\nhost: ${hostname}:${port}\r\ncontent-type: application/json\r\ncontent-length: `;
  }

  /** @returns status of the answer, when all of it is there */
  async post(body) {
    const connection = this.#warm() ?? (await Connection.open(this.#host, this.#port));
    const status = await connection.send(`${this.#head}${Buffer.byteLength(body)}\r\n\r\n${body}`);
    connection.idleSince = performance.now();
    this.#idle.push(connection);
    return status;
  }

  /** Opens so many connections, a few at a time, and keeps them for requests. */
  async open(count) {
    while (this.#idle.length < count) {
      const some = Math.min(AT_A_TIME, count - this.#idle.length);
      const opened = Array.from({ length: some }, () => Connection.open(this.#host, this.#port));
      this.#idle.push(...(await Promise.all(opened)));
    }
  }

  close() {
    for (const connection of this.#idle.splice(0)) connection.close();
  }

  /** The connection that was used last; if that is too long ago, so are all others. */
  #warm() {
    const connection = this.#idle.pop();
    if (connection === undefined || performance.now() - connection.idleSince < this.#keep) return connection;
    connection.close();
    this.close();
    return undefined;
  }
}

class Connection {
  idleSince = performance.now();
  #socket;
  #waiting;
  #status = 0;
  #missing = 0;

  static async open(host, port) {
    const connection = new Connection();
    const socket = connect({ port, host, noDelay: true });
    connection.#socket = socket;
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    const fail = (error) => connection.#waiting?.reject(error ?? new Error('closed by the server'));
    socket
      .on('data', (bytes) => connection.#read(bytes))
      .on('error', fail)
      .on('close', () => fail());
    return connection;
  }

  send(request) {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#socket.write(request);
    });
  }

  /** Answers come one at a time; their heads are never cut in two, nor are the ends of those in chunks. */
  #read(bytes) {
    if (this.#missing === 0) {
      const end = bytes.indexOf('\r\n\r\n') + 4;
      const head = bytes.latin1Slice(0, end);
      const length = /^content-length: *(\d+)/im.exec(head)?.[1];
      const chunks = /^transfer-encoding: *chunked/im.test(head);
      if (end === 3 || (length === undefined && !chunks)) {
        this.#waiting.reject(new Error(`not an answer whose end can be found: ${head}`));
        this.#socket.destroy();
        return;
      }
      this.#status = Number(head.slice(9, 12));
      this.#missing = chunks ? Number.POSITIVE_INFINITY : Number(length) - (bytes.length - end);
    } else {
      this.#missing -= bytes.length;
    }
    if (this.#missing === Number.POSITIVE_INFINITY && bytes.subarray(-5).equals(LAST_CHUNK))
      this.#missing = 0;
    if (this.#missing === 0) this.#waiting.resolve(this.#status);
  }

  close() {
    this.#socket.destroy();
  }
}
