import { LocalStore } from 'embedlane/stores';

// Takes the steps that it is sent, one after another, and says after each that it is done.

const store = await LocalStore.open(process.argv[2]);
let last = Promise.resolve();
process.on('message', ({ number, upsert, remove }) => {
  last = last.then(async () => {
    if (remove.length > 0) await store.delete(remove);
    else await store.upsert(upsert);
    process.send(number);
  });
});
process.send('ready');
