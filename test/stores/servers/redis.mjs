import { spawnSync } from 'node:child_process';
import { DatabaseServer } from './server.mjs';

/** Whether `redis-server` (the Debian package of that name) is here. */
export const hasRedis = spawnSync('redis-server', ['--version']).status === 0;

/** Redis that writes down what it is told, as a queue must; not started yet. */
export function redisServer(...options) {
  return new DatabaseServer('redis', (port, folder) => ({
    command: 'redis-server',
    args: [
      ...['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', ''],
      ...['--appendonly', 'yes', '--maxmemory-policy', 'noeviction', ...options],
    ],
  }));
}
