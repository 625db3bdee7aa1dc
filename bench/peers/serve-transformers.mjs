/** transformers.js behind a plain node:http server, as a project without an embedding server would write it. */
import { createServer } from 'node:http';
import { env, pipeline } from '@huggingface/transformers';
import { modelId, modelsFolder } from '../lib/texts.mjs';

env.allowRemoteModels = false;
env.localModelPath = modelsFolder;

const [dtype, threads] = process.argv.slice(2);
const extractor = await pipeline('feature-extraction', modelId, {
  dtype: { fp16: 'fp16', int8: 'q8' }[dtype],
  device: 'cpu',
  session_options: { intraOpNumThreads: Number(threads) },
});

const server = createServer(async (request, response) => {
  const parts = [];
  for await (const part of request) parts.push(part);
  const { input } = JSON.parse(Buffer.concat(parts).toString());
  const output = await extractor(input, { pooling: 'mean', normalize: true });
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ data: [{ index: 0, embedding: Array.from(output.data) }] }));
});
server.listen(0, '127.0.0.1', () => process.send({ url: `http://127.0.0.1:${server.address().port}` }));
process.on('disconnect', () => process.exit());
