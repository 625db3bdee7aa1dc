import { expect, it } from 'vitest';
import { runExample } from '../package/examples.js';

/** As if the packages were not installed. */
const HOOK = `export async function resolve(name, context, next) {
  if (/^(@zilliz|mysql2)\\b/.test(name)) {
    throw Object.assign(new Error('Cannot find package ' + name), { code: 'ERR_MODULE_NOT_FOUND' });
  }
  return next(name, context);
}`;

it('names the command that installs a package that is missing', async () => {
  const { stdout, stderr, status } = await runExample(
    'optional-packages',
    `import { register } from 'node:module';
    // Node 26 says that register() is deprecated; Node 20 has nothing else.
    process.noDeprecation = true;
    register('data:text/javascript,' + ${JSON.stringify(encodeURIComponent(HOOK))});
    const { MilvusStore, SeekdbStore } = await import('embedlane/stores');
    for (const open of [() => MilvusStore.open('milvus://h/notes'), () => SeekdbStore.open('seekdb://h/notes')]) {
      await open().catch((error) => console.log(error.name, error.code, error.message.split('run: ')[1]));
    }`,
  );
  expect({ stdout, stderr, status }).toEqual({
    stdout: `EmbedlaneError ERR_NOT_FOUND npm install @zilliz/milvus2-sdk-node
EmbedlaneError ERR_NOT_FOUND npm install mysql2
`,
    stderr: '',
    status: 0,
  });
});
