import { MilvusStore, type VectorStore } from 'embedlane/stores';
import { afterAll, beforeAll, describe, vi } from 'vitest';
import { conformance } from './conformance.js';
import { hasMilvus, startMilvus } from './servers/milvus.mjs';
import type { DatabaseServer } from './servers/server.mjs';

// Servers start slowly where the machine is busy.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

if (!hasMilvus) {
  console.warn('SKIPPED: no Milvus Lite for MilvusStore; run node scripts/install-servers.mjs');
}

let server: DatabaseServer;

describe.skipIf(!hasMilvus)('MilvusStore', () => {
  // Stores share their connection as long as one of them is open.
  let open: VectorStore;
  beforeAll(async () => {
    server = await startMilvus();
    open = await MilvusStore.open(`milvus://127.0.0.1:${server.port}/open`);
  });
  afterAll(async () => {
    await open?.close();
    await server?.stop();
  });

  conformance({
    open: (collection, options) => {
      return MilvusStore.open(`milvus://127.0.0.1:${server.port}/${collection}`, {
        ...options,
        fullText: true,
      });
    },
    dtypes: { f32: ['cosine', 'dot', 'l2'], sparse: ['dot'] },
    hybrid: true,
  });
});
