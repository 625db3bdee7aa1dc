import { SeekdbStore } from 'embedlane/stores';
import { afterAll, beforeAll, describe, vi } from 'vitest';
import { conformance } from './conformance.js';
import { hasSeekdb, startSeekdb } from './servers/seekdb.mjs';
import type { DatabaseServer } from './servers/server.mjs';

// Servers start slowly where the machine is busy.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

if (!hasSeekdb) console.warn('SKIPPED: no seekdb for SeekdbStore; run node scripts/install-servers.mjs');

let server: DatabaseServer;

describe.skipIf(!hasSeekdb)('SeekdbStore', () => {
  beforeAll(async () => {
    server = await startSeekdb();
  });
  afterAll(() => server?.stop());

  conformance({
    open: (collection, options) => {
      return SeekdbStore.open(`seekdb://127.0.0.1:${server.port}/${collection}`, {
        ...options,
        fullText: 'ik',
      });
    },
    dtypes: { f32: ['cosine', 'dot', 'l2'], sparse: ['dot'] },
    hybrid: true,
  });
});
