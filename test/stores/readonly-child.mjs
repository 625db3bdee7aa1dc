/**
 * What a local store says to somebody who may read its folder and not write there, as on a disk that is mounted so:
 * readonly-child.mjs FOLDER. Prints JSON.
 */
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { LocalStore } from 'embedlane/stores';

const [folder] = process.argv.slice(2);
const NOBODY = 65_534;
if (process.getuid() === 0) {
  // Root may write anywhere.
  process.setgid(NOBODY);
  process.setuid(NOBODY);
}

const codeOf = (work) => work().then(String, ({ code, message }) => `${code}: ${message}`);
const opened = (path, options, work) => async () => {
  const store = await LocalStore.open(path, options);
  return work(store).finally(() => store.close());
};
const there = join(folder, 'store');
try {
  accessSync(new URL(import.meta.resolve('embedlane/stores')), constants.R_OK);
  const said = {
    read: await codeOf(opened(there, { readOnly: true }, (store) => store.count())),
    write: await codeOf(opened(there, {}, (store) => store.upsert([{ id: 'b', vector: [1, 2] }]))),
    create: await codeOf(opened(join(folder, 'new'), {}, (store) => store.create({ dims: 2 }))),
  };
  console.log(JSON.stringify(said));
} catch (error) {
  if (error.code !== 'EACCES') throw error;
  console.log('null');
}
