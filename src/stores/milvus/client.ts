import type { MilvusClient } from '@zilliz/milvus2-sdk-node';
import { EmbedlaneError } from '../../core/errors.js';
import { retry } from '../../core/retry.js';
import { callMilvus, type MilvusStatus } from './failure.js';

export interface ConnectionOptions {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly token: string | undefined;
  readonly database: string | undefined;
  /** Milliseconds for one request. */
  readonly timeout: number;
}

/** Most milliseconds for the first answer of a server. */
const CONNECT_TIMEOUT = 10_000;

type Sdk = typeof import('@zilliz/milvus2-sdk-node');

/** @throws {EmbedlaneError} `ERR_NOT_FOUND` if the SDK is not installed */
async function loadSdk(): Promise<Sdk> {
  try {
    return await import('@zilliz/milvus2-sdk-node');
  } catch (cause) {
    throw new EmbedlaneError(
      'ERR_NOT_FOUND',
      "Expected the package '@zilliz/milvus2-sdk-node' but it is not installed; run: npm install @zilliz/milvus2-sdk-node",
      { cause },
    );
  }
}

/** A connection that several stores may use. */
export interface SharedClient {
  readonly client: MilvusClient;
  /** Ends the connection if nobody else uses it. */
  release(): Promise<void>;
}

interface Shared {
  readonly client: Promise<MilvusClient>;
  users: number;
}

/** By {@link ConnectionOptions}. A client of its own would cost each store a quarter of a second of this process. */
const connections = new Map<string, Shared>();

/**
 * Connects, and asks the server who it is.
 *
 * @throws {EmbedlaneError} `ERR_REMOTE` if there is no server, or it refuses the credentials
 */
export async function connect(options: ConnectionOptions): Promise<SharedClient> {
  const key = JSON.stringify(options);
  const shared = connections.get(key) ?? { client: newClient(options), users: 0 };
  connections.set(key, shared);
  shared.users++;
  const leave = () => {
    shared.users--;
    if (shared.users === 0 && connections.get(key) === shared) connections.delete(key);
  };
  try {
    const client = await shared.client;
    const release = async () => {
      leave();
      if (shared.users === 0) await client.closeConnection();
    };
    return { client, release };
  } catch (error) {
    leave();
    throw error;
  }
}

async function newClient(options: ConnectionOptions): Promise<MilvusClient> {
  const { MilvusClient } = await loadSdk();
  const { host, port, tls, user, password, token, database, timeout } = options;
  const address = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  return retry(async () => {
    const client = new MilvusClient({
      address,
      ssl: tls,
      username: user,
      password,
      token,
      database,
      // Of calls that name none: those that connect.
      timeout: Math.min(timeout, CONNECT_TIMEOUT),
      // The store repeats what may be repeated.
      maxRetries: 0,
      logLevel: 'error',
      // After an outage of some minutes gRPC would wait for as long before it looks again.
      channelOptions: { 'grpc.initial_reconnect_backoff_ms': 200, 'grpc.max_reconnect_backoff_ms': 1000 },
      telemetry: { enabled: false },
    });
    try {
      await callMilvus(`answer at ${address}`, async () => {
        await client.connectPromise;
        return (await client.getVersion()) as { status?: MilvusStatus };
      });
    } catch (error) {
      await client.closeConnection().catch(() => {});
      throw error;
    }
    return client;
  }, undefined);
}
