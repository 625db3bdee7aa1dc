import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { JobQueue, JobWorker, type JobWorkerOptions, type WorkerEvent } from 'embedlane/jobs';
import { Redis } from 'ioredis';
import { afterAll, beforeAll } from 'vitest';
import { temporaryFolder } from '../cli/support.js';
import { hasRedis, redisServer } from '../stores/servers/redis.mjs';

if (!hasRedis) console.warn('SKIPPED: tests of jobs need redis-server (apt-get install redis-server)');

export { hasRedis };

export const MODEL = fileURLToPath(new URL('../fixtures/models/tiny-static', import.meta.url));

const DIMS = 4;

/** A model whose vectors are made from the text's length, and which chokes on some texts. */
export const fake = {
  dimensions: DIMS,
  async encodeDocument(texts: string[]) {
    if (texts.some((text) => text.includes('crash the model'))) throw new Error('the model has crashed');
    const data = Float32Array.from(texts.flatMap((text) => [1, text.length, 2, 3]));
    return { data, rows: texts.length, dims: DIMS };
  },
};

/** A promise that is settled from outside. */
export function later<T = void>() {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

/** A queue on a Redis of its own, and a folder with files to embed. */
export class JobSite {
  readonly redis = redisServer();
  folder = '';
  url = '';
  jobs!: JobQueue;

  constructor() {
    beforeAll(async () => {
      this.folder = await temporaryFolder();
      await this.redis.start();
      this.url = `redis://127.0.0.1:${this.redis.port}`;
      this.jobs = await JobQueue.open(this.url);
    });
    afterAll(async () => {
      await this.jobs.close();
      await this.redis.stop();
    });
  }

  async lines(name: string, texts: readonly string[]): Promise<string> {
    await writeFile(join(this.folder, name), `${texts.join('\n')}\n`);
    return name;
  }

  /** Asks Redis itself. */
  async ask<T>(work: (redis: Redis) => Promise<T>): Promise<T> {
    const redis = new Redis(this.url);
    try {
      return await work(redis);
    } finally {
      redis.disconnect();
    }
  }

  /** As if so much time had passed that the shards of workers which were killed may be taken over. */
  async takeOver(): Promise<void> {
    const queue = 'embedlane:shards';
    await this.ask(async (redis) => {
      for (const task of await redis.lrange(`${queue}:active`, 0, -1)) {
        await redis.del(`${queue}:${task}:lock`);
        await redis.sadd(`${queue}:stalled`, task);
      }
      await redis.del(`${queue}:stalled-check`);
    });
  }

  /** Does everything in the queue with the fake model. */
  async workOff(events: WorkerEvent[] = [], options: JobWorkerOptions = {}): Promise<void> {
    await using worker = await JobWorker.start(this.url, {
      loadModel: async () => fake as never,
      onEvent: (event) => events.push(event),
      takeover: 1000,
      ...options,
    });
    await worker.drained({ poll: 20 });
  }
}
