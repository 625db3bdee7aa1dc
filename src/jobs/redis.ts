import type { Redis } from 'ioredis';
import { EmbedlaneError, invalidArgument } from '../core/errors.js';
import { urlText } from '../core/validate.js';
import { optionalPackages } from '../stores/base/package.js';

export type Packages = { bullmq: typeof import('bullmq'); Redis: typeof Redis };

const DEFAULT_PREFIX = 'embedlane';
const PREFIX = /^\{?[A-Za-z0-9_-]{1,64}\}?$/;
/** The only queue: what autoscalers look at is `<prefix>:shards:wait`. */
export const QUEUE = 'shards';
/** Longest pause between two attempts to reach a server that is gone. */
const LONGEST_PAUSE = 2000;

/** Milliseconds for the connection, and for the first answer. */
const CONNECT_TIMEOUT = 10_000;

/** Where jobs are kept. */
export interface QueueAddress {
  readonly url: string;
  /** First part of all keys. */
  readonly prefix: string;
}

/** Takes a `redis:` or `rediss:` URL apart, whose parameter `prefix` is ours. */
export function queueAddress(name: string, value: unknown): QueueAddress {
  const text = urlText(name, value);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  // The URL may have a password in it.
  if (url === undefined || !/^rediss?:$/.test(url.protocol) || url.hostname === '') {
    throw new EmbedlaneError(
      'ERR_INVALID_ARG',
      `Expected a URL like redis://user:password@host:6379/0?prefix=embedlane for ${name}`,
    );
  }
  const prefix = url.searchParams.get('prefix') ?? DEFAULT_PREFIX;
  if (!PREFIX.test(prefix))
    throw invalidArgument(`the prefix of ${name}`, "letters, digits, '_' and '-'", prefix);
  url.searchParams.delete('prefix');
  const unknown = [...url.searchParams.keys()][0];
  if (unknown !== undefined) throw invalidArgument(name, "no parameter but 'prefix'", unknown);
  return { url: url.href, prefix };
}

export function packages(): Promise<Packages> {
  return optionalPackages(['bullmq', 'ioredis'], async () => {
    const [bullmq, { Redis }] = await Promise.all([import('bullmq'), import('ioredis')]);
    return { bullmq, Redis };
  });
}

/**
 * Connects to Redis.
 *
 * @param patience requests wait for a server that is gone until it is back; otherwise for some seconds
 * @throws {EmbedlaneError} `ERR_REMOTE` without a server, if it is silent for ten seconds, or if it refuses the credentials
 */
export async function connectRedis(
  { Redis }: Packages,
  { url }: QueueAddress,
  patience: boolean,
): Promise<Redis> {
  const redis = new Redis(url, {
    lazyConnect: true,
    connectTimeout: CONNECT_TIMEOUT,
    maxRetriesPerRequest: patience ? null : 10,
    retryStrategy: (times) => Math.min(50 * 2 ** Math.min(times, 10), LONGEST_PAUSE),
  });
  // Without a listener, ioredis writes every failed attempt to stderr.
  let last: Error | undefined;
  redis.on('error', (error) => {
    last = error;
  });
  let timer: NodeJS.Timeout | undefined;
  // What takes a connection and says nothing has no timeout in ioredis.
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${CONNECT_TIMEOUT} ms`)), CONNECT_TIMEOUT);
  });
  try {
    await Promise.race([redis.connect().then(() => redis.ping()), silence]);
    return redis;
  } catch (error) {
    redis.disconnect();
    throw redisError(last ?? error);
  } finally {
    clearTimeout(timer);
  }
}

/** The typed error for what Redis, or the way to it, says; typed errors stay. */
export function redisError(error: unknown): EmbedlaneError {
  if (error instanceof EmbedlaneError) return error;
  const { message, code } = error as NodeJS.ErrnoException;
  const reason = message || code || String(error);
  return new EmbedlaneError('ERR_REMOTE', `Expected Redis to do what was asked but received ${reason}`, {
    cause: error,
  });
}

/** Runs requests to Redis with typed errors. */
export async function asking<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw redisError(error);
  }
}
