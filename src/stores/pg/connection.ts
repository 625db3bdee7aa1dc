import { once } from 'node:events';
import { Socket } from 'node:net';
import type { Pool, PoolClient, PoolConfig } from 'pg';
import { EmbedlaneError, type ErrorCode } from '../../core/errors.js';
import { Transient } from '../../core/retry.js';
import { optionalPackages } from '../base/package.js';
import { Sockets } from '../base/sockets.js';

/** SQLSTATEs, or their classes, that may not come again: connections, deadlocks, overload, time-outs, shutdown. */
const TRANSIENT = /^(08(?!P01)|40001|40P01|53|55P03|57P0[1-3])/;
/** Failures of sockets that may not come again. */
const TRANSIENT_SOCKET = /^(ECONNRESET|ECONNREFUSED|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|EAI_AGAIN)$/;
/** What `pg` says without a code when a connection ends, or nothing comes through it. */
const TRANSIENT_MESSAGE = /Connection terminated|timeout exceeded when trying to connect|Query read timeout/;
const CODES: Record<string, ErrorCode> = { '42P01': 'ERR_NOT_FOUND', '25006': 'ERR_READ_ONLY' };

export type Rows = Record<string, unknown>[];

/** A pool of connections to one database. */
export class PgConnection {
  readonly #pool: Pool;
  readonly #sockets: Sockets;
  readonly #copyFrom: (sql: string) => NodeJS.WritableStream;

  private constructor(pool: Pool, sockets: Sockets, copyFrom: (sql: string) => NodeJS.WritableStream) {
    this.#pool = pool;
    this.#sockets = sockets;
    this.#copyFrom = copyFrom;
    // An idle connection that breaks is replaced by the next query.
    pool.on('error', () => {});
  }

  static async open(config: PoolConfig): Promise<PgConnection> {
    const [{ default: pg }, { from }] = await optionalPackages(['pg', 'pg-copy-streams'], () =>
      Promise.all([import('pg'), import('pg-copy-streams')]),
    );
    const sockets = new Sockets();
    const pool = new pg.Pool({ ...config, stream: () => sockets.add(new Socket()) });
    return new PgConnection(pool, sockets, from as never);
  }

  /**
   * Runs one statement.
   *
   * @param task what it is for, in the words of an error: 'count records'
   */
  async query(task: string, sql: string, values: unknown[] = []): Promise<{ rows: Rows; rowCount: number }> {
    return this.session(task, (session) => session.query(sql, values));
  }

  /** Runs statements on one connection, which is thrown away after a failure. */
  async session<T>(task: string, work: (session: PgSession) => Promise<T>): Promise<T> {
    let client: PoolClient | undefined;
    let broken: Error | undefined;
    // Without a listener, an error between two statements would end the process.
    const onError = (error: Error) => {
      broken = error;
    };
    try {
      client = await this.#pool.connect();
      client.on('error', onError);
      return await work(new PgSession(client, this.#copyFrom));
    } catch (error) {
      broken ??= error as Error;
      throw pgError(task, error);
    } finally {
      client?.off('error', onError);
      client?.release(broken);
    }
  }

  /** Runs statements as one transaction. */
  transaction<T>(task: string, work: (session: PgSession) => Promise<T>): Promise<T> {
    return this.session(task, async (session) => {
      await session.query('BEGIN');
      try {
        const result = await work(session);
        await session.query('COMMIT');
        return result;
      } catch (error) {
        await session.query('ROLLBACK').catch(() => {});
        throw error;
      }
    });
  }

  async close(): Promise<void> {
    await this.#pool.end();
    this.#sockets.end();
  }
}

/** One connection. */
export class PgSession {
  readonly #client: PoolClient;
  readonly #copyFrom: (sql: string) => NodeJS.WritableStream;

  constructor(client: PoolClient, copyFrom: (sql: string) => NodeJS.WritableStream) {
    this.#client = client;
    this.#copyFrom = copyFrom;
  }

  async query(sql: string, values: unknown[] = []): Promise<{ rows: Rows; rowCount: number }> {
    const { rows, rowCount } = await this.#client.query(sql, values);
    return { rows: rows as Rows, rowCount: rowCount ?? 0 };
  }

  /** Sends bytes to a `COPY … FROM STDIN`. */
  async copy(sql: string, bytes: Buffer): Promise<void> {
    const stream = this.#client.query(this.#copyFrom(sql) as never) as unknown as NodeJS.WritableStream;
    stream.end(bytes);
    await once(stream, 'finish');
  }
}

/** The SQLSTATE of a failure, or the code of its socket. */
export function pgCode(error: unknown): string {
  const cause = error instanceof EmbedlaneError ? error.cause : error;
  return String((cause as { code?: unknown } | undefined)?.code ?? '');
}

function pgError(task: string, error: unknown): unknown {
  if (error instanceof EmbedlaneError || error instanceof Transient) return error;
  const { message } = error as Error;
  const code = pgCode(error);
  const failure = new EmbedlaneError(
    CODES[code] ?? 'ERR_REMOTE',
    `Expected PostgreSQL to ${task} but received ${code === '' ? '' : `${code}: `}${message}`,
    { cause: error },
  );
  const passes =
    TRANSIENT.test(code) || TRANSIENT_SOCKET.test(code) || (code === '' && TRANSIENT_MESSAGE.test(message));
  return passes ? new Transient(failure) : failure;
}
