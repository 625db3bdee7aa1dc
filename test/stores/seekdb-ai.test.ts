import { TextEmbedder } from 'embedlane';
import { createServer } from 'embedlane/server';
import { SeekdbStore } from 'embedlane/stores';
import mysql from 'mysql2/promise';
import { describe, expect, it, vi } from 'vitest';
import { code } from '../index/support.js';
import { hasSeekdb, startSeekdb } from './servers/seekdb.mjs';

// Servers start slowly where the machine is busy.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const TEXTS = [
  'Cats sleep most of the day.',
  'The central bank raised rates.',
  `It's a "parrot" that talks \\o/`,
];

describe.skipIf(!hasSeekdb)('SeekdbStore with a model of the database', () => {
  it('embeds records and queries by AI_EMBED', async () => {
    const server = await createServer({ port: 0, apiKeys: ['sk-seekdb'] });
    const database = await startSeekdb();
    const model = await TextEmbedder.load('all-MiniLM-L6-v2');
    try {
      const address = { host: '127.0.0.1', port: database.port, user: 'root', database: 'test' };
      const connection = await mysql.createConnection(address);
      const endpoint = {
        ai_model_name: 'minilm',
        provider: 'openAI',
        access_key: 'sk-seekdb',
        url: `${server.url}/v1/embeddings`,
      };
      await connection.query("CALL DBMS_AI_SERVICE.CREATE_AI_MODEL('minilm', ?)", [
        JSON.stringify({ type: 'dense_embedding', model_name: 'all-MiniLM-L6-v2' }),
      ]);
      await connection.query("CALL DBMS_AI_SERVICE.CREATE_AI_MODEL_ENDPOINT('minilm_endpoint', ?)", [
        JSON.stringify(endpoint),
      ]);
      await connection.end();

      const url = `seekdb://127.0.0.1:${database.port}/texts`;
      await using store = await SeekdbStore.open(url, { aiModel: 'minilm' });
      await store.create({ dims: 384 });
      await store.upsert(TEXTS.map((text, i) => ({ id: `${i}`, text })));
      const [hit] = await store.search('Which animal naps a lot?', { k: 1 });
      expect(hit).toMatchObject({ id: '0', document: TEXTS[0] });
      const ids = TEXTS.map((_, i) => `${i}`);
      const records = await store.get(ids, { include: ['vector'] });
      const expected = await model.encode(TEXTS);
      records.forEach((record, row) => {
        (record!.vector as Float32Array).forEach((value, i) => {
          expect(Math.abs(value - expected.row(row)[i])).toBeLessThan(1e-4);
        });
      });

      await using unknown = await SeekdbStore.open(url, { aiModel: `nobody's` });
      await expect(unknown.search('a')).rejects.toThrow(code('ERR_REMOTE'));
      await expect(unknown.search('a')).rejects.toThrow(/nobody's.*not found/);
    } finally {
      await Promise.all([server.close(), database.stop(), model.close()]);
    }
  });
});
