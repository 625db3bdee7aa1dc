import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
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

/** Milvus Lite that wants `user:password`, and is too busy for every second upsert. */
export function startGuardedMilvus(credentials) {
  const program = join(dirname(fileURLToPath(import.meta.url)), 'guarded_milvus.py');
  return new DatabaseServer('milvus-guarded', (port, folder) => ({
    command: command('milvus', 'python'),
    args: [program, `${folder}/data`, String(port), credentials],
  })).start();
}
