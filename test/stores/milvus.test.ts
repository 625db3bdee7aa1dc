import { MilvusStore } from 'embedlane/stores';
import { afterAll, beforeAll, describe } from 'vitest';
import { conformance } from './conformance.js';
import { hasMilvus, startMilvus } from './servers/milvus.mjs';
import type { DatabaseServer } from './servers/server.mjs';

if (!hasMilvus) {
  console.warn('SKIPPED: no Milvus Lite for MilvusStore; run node scripts/install-servers.mjs');
}

let server: DatabaseServer;

describe.skipIf(!hasMilvus)('MilvusStore', () => {
  beforeAll(async () => {
    server = await startMilvus();
  });
  afterAll(() => server?.stop());

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
