/** embedlane's own server. */
import { createServer } from '../../dist/server/index.js';
import { modelId } from '../lib/texts.mjs';

const [dtype, threads, lanes = '1'] = process.argv.slice(2);
const server = await createServer({
  models: [{ id: modelId, dtype, threads: Number(threads), lanes: Number(lanes) }],
  port: 0,
});
process.send({ url: server.url });
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send(user + system);
});
process.on('disconnect', () => process.exit());
