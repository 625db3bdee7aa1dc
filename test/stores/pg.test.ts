import { PgVectorStore } from 'embedlane/stores';
import { afterAll } from 'vitest';
import { conformance } from './conformance.js';
import { startPglite } from './pglite.js';

const pglite = await startPglite();
afterAll(() => pglite.stop());

conformance({
  open: (collection, options) =>
    PgVectorStore.open(`${pglite.url}/${collection}?bulk=insert`, { connections: 2, ...options }),
  dtypes: {
    f32: ['cosine', 'dot', 'l2'],
    f16: ['cosine', 'dot', 'l2'],
    b1: ['hamming'],
    sparse: ['dot'],
  },
  hybrid: true,
});
