import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LocalStore } from 'embedlane/stores';
import { afterAll } from 'vitest';
import { conformance } from './conformance.js';

const folder = await mkdtemp(join(tmpdir(), 'embedlane-stores-'));
afterAll(() => rm(folder, { recursive: true, force: true }));

conformance({
  open: (collection, options) => LocalStore.open(join(folder, collection), options),
  dtypes: {
    f32: ['cosine', 'dot', 'l2'],
    f16: ['cosine', 'dot', 'l2'],
    b1: ['hamming'],
  },
  hybrid: true,
});
