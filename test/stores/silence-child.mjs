/**
 * What a store says to a server that falls silent, answers again, and falls silent for good: silence-child.mjs URL.
 * Tells its parent where it is, waits for word to go on, and has to end by itself.
 */
import { once } from 'node:events';
import { openStore } from 'embedlane/stores';

const parent = async (...message) => {
  process.send(message);
  await once(process, 'message');
};
const said = (call) => call.then(JSON.stringify, ({ code, message }) => `${code}: ${message}`);

const store = await openStore(process.argv[2]);
await said(store.count());
await parent('open');
const failures = await Promise.all([
  said(store.search([1, 2])),
  said(store.upsert([{ id: 'b', vector: [1, 2] }])),
  said(store.count()),
]);
await parent('failed', failures);
await parent('back', await said(store.get(['a'])));
// Nobody answers a farewell.
await store.close();
process.disconnect();
