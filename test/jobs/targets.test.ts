import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { LocalStore } from 'embedlane/stores';
import { afterEach, expect, it, vi } from 'vitest';
import { Targets } from '#dist/jobs/targets.js';
import type { JobSpec } from '#dist/jobs/types.js';
import { temporaryFolder } from '../cli/support.js';
import { fake } from './support.js';

afterEach(() => void vi.restoreAllMocks());

const specOf = async () => {
  const store = pathToFileURL(join(await temporaryFolder(), 'store')).href;
  return { store, model: 'fake', dtype: 'auto', collection: {} } as JobSpec;
};

const { signal } = new AbortController();

/** The ten seconds for which a store waits for another shard. */
function waitLess(): void {
  const { setTimeout } = globalThis;
  vi.spyOn(globalThis, 'setTimeout').mockImplementation(((work: () => void, ms: number) =>
    setTimeout(work, ms === 10_000 ? 100 : ms)) as typeof setTimeout);
}

it('keeps a store open for the shard at hand, though several before it ended at once', async () => {
  waitLess();
  const targets = new Targets(async () => fake);
  const spec = await specOf();
  let end!: () => void;
  const together = new Promise<void>((resolve) => {
    end = resolve;
  });
  const shards = [1, 2].map(() => targets.use(spec, signal, () => together));
  await delay(500);
  end();
  await Promise.all(shards);
  const stored = await targets.use(spec, signal, async (open) => {
    await delay(500);
    return open.upsert([{ id: 'a', text: 'a' }]);
  });
  expect(stored).toBe(1);
  await targets.close();
});

it('opens a store again only when it is closed', async () => {
  waitLess();
  const targets = new Targets(async () => fake);
  const spec = await specOf();
  const { close } = LocalStore.prototype;
  const closing = vi.spyOn(LocalStore.prototype, 'close').mockImplementationOnce(async function (
    this: LocalStore,
  ) {
    await delay(300);
    await close.call(this);
  });
  await targets.use(spec, signal, async () => {});
  await vi.waitFor(() => expect(closing).toHaveBeenCalled());
  const stored = await targets.use(spec, signal, (store) => store.upsert([{ id: 'a', text: 'a' }]));
  expect(stored).toBe(1);
  await targets.close();
});
