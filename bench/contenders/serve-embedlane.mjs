/** embedlane's own server: [dtype] [threads of one lane, or 0 for the library's own choice]. */
import { createServer } from '../../dist/server/index.js';
import { modelId } from '../lib/texts.mjs';

const [dtype, threads] = process.argv.slice(2);
const server = await createServer({
  models: [{ id: modelId, dtype, ...(threads !== '0' && { threads: Number(threads), lanes: 1 }) }],
  port: 0,
});
process.send({ url: server.url, pid: process.pid });
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send(user + system);
});
process.on('disconnect', () => process.exit());
