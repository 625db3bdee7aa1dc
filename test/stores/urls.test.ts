import { openStore } from 'embedlane/stores';
import { expect, it } from 'vitest';

it.each([
  'postgres://h/db/notes?connections=0',
  'postgres://h/db/notes?connections=many',
  'postgres://h/db/notes?connectTimeout=-1',
  'postgres://h/db/notes?timeout=0',
  'postgres://h/db/notes?fullTextIndex=maybe',
  'postgres://h/db/notes?metadataIndex=1',
  'postgres://h/db/notes?partition=a',
  'milvus://h/notes?fullText=ik',
  'milvus://h/notes?consistency=eventual',
  'milvus://h/notes?partition=a-b',
  'milvus://h/notes?timeout=0',
  'milvus://h/notes?bulk=copy',
  'seekdb://h/notes?fullText=english+words',
  'seekdb://h/notes?tls=yes',
  'seekdb://h/notes?connections=1e3',
  'seekdb://h/notes?timeout=99999999999',
])('refuses %s', async (url) => {
  await expect(openStore(url)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG' });
});
