import { setTimeout as delay } from 'node:timers/promises';
import mysql from 'mysql2/promise';
import { installed } from './installed.mjs';
import { DatabaseServer } from './server.mjs';

const START_TIMEOUT = 60_000;
const SIZES = ['datafile_size=512M', 'log_disk_size=2G', 'memory_limit=2G'];

/** Whether {@link startSeekdb} can start one; Linux x64 only, as the package is. */
export const hasSeekdb = installed('seekdb', 'pylibseekdb/seekdb') !== undefined;

/** seekdb with an empty user `root`; it answers when this resolves. */
export async function startSeekdb() {
  const server = await new DatabaseServer('seekdb', (port, folder) => ({
    command: installed('seekdb', 'pylibseekdb/seekdb'),
    args: [
      '--nodaemon',
      ...['--port', String(port)],
      ...['--base-dir', `${folder}/data`],
      ...SIZES.flatMap((size) => ['--parameter', size]),
    ],
  })).start();
  try {
    await answers(server.port);
  } catch (error) {
    await server.stop();
    throw error;
  }
  return server;
}

/** Waits until SQL works, which is some time after the port is open. */
export async function answers(port) {
  const deadline = Date.now() + START_TIMEOUT;
  for (;;) {
    try {
      const connection = await mysql.createConnection({ host: '127.0.0.1', port, user: 'root' });
      await connection.query('SELECT 1');
      await connection.end();
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await delay(200);
    }
  }
}
