import { dirname } from 'node:path';
import { command, installed } from './installed.mjs';
import { DatabaseServer } from './server.mjs';

const LITE = command('milvus', 'milvus-lite');
const CORE = installed('milvus-2.5', 'milvus_lite/lib/milvus');

/** Whether {@link startMilvus} can start one. */
export const hasMilvus = LITE !== undefined;
/** Whether {@link startMilvusCore} can start one. */
export const hasMilvusCore = CORE !== undefined;

/** Milvus Lite, which has f32 and sparse vectors. */
export function startMilvus() {
  return new DatabaseServer('milvus', (port, folder) => ({
    command: LITE,
    args: ['server', '--data-dir', `${folder}/data`, '--host', '127.0.0.1', '--port', String(port)],
  })).start();
}

/** Milvus Lite 2.5, around the core of Milvus: 16-bit and binary vectors too, but no negation in filters. */
export function startMilvusCore() {
  return new DatabaseServer('milvus-core', (port, folder) => ({
    command: CORE,
    args: [`${folder}/milvus.db`, `127.0.0.1:${port}`, 'ERROR'],
    env: { LD_LIBRARY_PATH: dirname(CORE) },
  })).start();
}
