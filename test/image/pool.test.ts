import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { JsonObject } from '#dist/core/json-file.js';
import { parsePreprocessing } from '#dist/image/config/preprocessor.js';
import { PreparationPool } from '#dist/image/lane/pool.js';
import { DECODE, imagePath } from './support.js';

it('a cancelled job loses what has not started, also the picture that is opened ahead, and no other job does', async () => {
  const config = { image_processor_type: 'CLIPImageProcessor' };
  const preprocessing = parsePreprocessing(new JsonObject('preprocessor_config.json', config));
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const decode = { ...DECODE, hosts: ['127.0.0.1'], privateAddresses: true };
  const pool = await PreparationPool.start(1, { preprocessing, decode, heightFirst: true });
  const path = imagePath('jpeg_420.jpg');
  const asked = once(server, 'request');
  const outcome = (job: number, image: object) =>
    pool.prepare(job, image).then(
      ({ width }) => width,
      ({ code }) => code as string,
    );
  // Opened while the first is decoded, or after it: it waits for the server until the job has been cancelled.
  const [kept, slow, lost, other] = [{ path }, { url }, { path }, { path }].map((image, i) =>
    outcome(i % 3 === 0 ? 2 : 1, image),
  );
  const [, response] = (await asked) as [unknown, ServerResponse];
  pool.cancel(1);
  expect(await kept).toBe(224);
  response.writeHead(404).end();
  expect(['ERR_ABORTED', 'ERR_IMAGE']).toContain(await slow);
  expect(await lost).toBe('ERR_ABORTED');
  expect(await other).toBe(224);
  // One that is opened ahead and cannot be read is an error of its own.
  const after = [{ path }, { path: `${path}.none` }, { path }].map((image) => outcome(3, image));
  expect(await Promise.all(after)).toEqual([224, 'ERR_IMAGE', 224]);
  server.close();
  server.closeAllConnections();
});
