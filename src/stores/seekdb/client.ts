import type { Socket } from 'node:net';
import type { Pool, PoolConnection, ResultSetHeader, RowDataPacket } from 'mysql2/promise';
import { EmbedlaneError } from '../../core/errors.js';
import { Sockets } from '../base/sockets.js';
import { breaksConnection, type MysqlFailure, seekdbFailure } from './failure.js';
import type { Sql } from './sql.js';

export interface ConnectionOptions {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string | undefined;
  readonly database: string;
  readonly tls: boolean;
  readonly connections: number;
  /** Milliseconds for one statement. */
  readonly timeout: number;
}

/** Most milliseconds that the server gets to say that it has run out of time, before nobody listens any more. */
const GRACE = 2000;

/** @throws {EmbedlaneError} `ERR_NOT_FOUND` if mysql2 is not installed */
async function loadMysql(): Promise<typeof import('mysql2/promise')> {
  try {
    return await import('mysql2/promise');
  } catch (cause) {
    throw new EmbedlaneError(
      'ERR_NOT_FOUND',
      "Expected the package 'mysql2' but it is not installed; run: npm install mysql2",
      { cause },
    );
  }
}

/** A pool of connections, whose sessions are as this library's SQL needs them. */
export class SeekdbClient {
  readonly #pool: Pool;
  readonly #timeout: number;
  /** Milliseconds after which an answer is not waited for. */
  readonly #patience: number;
  readonly #sockets = new Sockets();
  readonly #ready = new WeakSet<object>();

  private constructor(pool: Pool, timeout: number) {
    this.#pool = pool;
    this.#timeout = timeout;
    this.#patience = timeout + Math.min(timeout, GRACE);
    pool.on('connection', (connection) => this.#sockets.add(socketOf(connection)));
  }

  static async create(options: ConnectionOptions): Promise<SeekdbClient> {
    const mysql = await loadMysql();
    const { connections, tls, timeout, ...access } = options;
    const pool = mysql.createPool({
      ...access,
      ...(tls ? { ssl: {} } : {}),
      charset: 'utf8mb4',
      connectionLimit: connections,
      connectTimeout: Math.min(timeout, 10_000),
      enableKeepAlive: true,
      // An object in a list of values would otherwise become SQL.
      stringifyObjects: true,
    });
    return new SeekdbClient(pool, timeout);
  }

  /** Runs a SELECT. */
  async rows(task: string, statement: Sql, connection?: PoolConnection): Promise<RowDataPacket[]> {
    return (await this.#run(task, statement, connection)) as RowDataPacket[];
  }

  /** Runs a statement that changes something; says how many rows were affected. */
  async change(task: string, statement: Sql, connection?: PoolConnection): Promise<number> {
    return ((await this.#run(task, statement, connection)) as ResultSetHeader).affectedRows;
  }

  /** The same statement with its values written into the text, as it is sent: to be done while the server is busy. */
  written({ text, values }: Sql): Sql {
    return { text: this.#pool.format(text, [...values]), values: [] };
  }

  /** Lends a connection to several statements, for what belongs to a session. */
  async withConnection<T>(task: string, work: (connection: PoolConnection) => Promise<T>): Promise<T> {
    let connection: PoolConnection;
    try {
      connection = await this.#pool.getConnection();
    } catch (error) {
      throw seekdbFailure(task, error);
    }
    try {
      await this.#prepare(connection);
      const result = await work(connection);
      connection.release();
      return result;
    } catch (error) {
      if (breaksConnection(rootOf(error))) discard(connection);
      else connection.release();
      throw seekdbFailure(task, error);
    }
  }

  async close(): Promise<void> {
    await this.#pool.end().catch(() => {});
    this.#sockets.end();
  }

  #run(task: string, statement: Sql, connection: PoolConnection | undefined): Promise<unknown> {
    if (connection !== undefined) return this.#query(connection, statement);
    return this.withConnection(task, (own) => this.#query(own, statement));
  }

  async #query(connection: PoolConnection, { text, values }: Sql): Promise<unknown> {
    const [result] = await connection.query({
      sql: text,
      values: [...values],
      timeout: this.#patience,
    });
    return result;
  }

  /** mysql2 escapes with backslashes, which the server must not take for characters. */
  async #prepare(connection: PoolConnection): Promise<void> {
    if (this.#ready.has(connection.connection)) return;
    const microseconds = this.#timeout * 1000;
    await connection.query({
      sql: "SET SESSION sql_mode = 'STRICT_ALL_TABLES', ob_query_timeout = ?, ob_trx_timeout = ?",
      values: [microseconds, microseconds],
      timeout: this.#patience,
    });
    this.#ready.add(connection.connection);
  }
}

function socketOf(connection: object): Socket {
  return (connection as { stream: Socket }).stream;
}

/** mysql2 only says goodbye, and waits for the server to say so too. */
function discard(connection: PoolConnection): void {
  connection.destroy();
  socketOf(connection.connection).destroy();
}

function rootOf(error: unknown): MysqlFailure {
  const { cause } = error as Error;
  return (cause instanceof Error ? cause : error) as MysqlFailure;
}
