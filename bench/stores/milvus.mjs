import { MilvusStore } from 'embedlane/stores';
import { command, SERVERS } from '../../test/stores/servers/installed.mjs';
import { hasMilvus, startMilvus } from '../../test/stores/servers/milvus.mjs';
import { packageVersion } from '../lib/machine.mjs';
import { noteMissing } from '../lib/peers.mjs';
import { byPython } from './race.mjs';
import { batches, vectorFile } from './records.mjs';

const COLLECTION = 'bench';
/** Rows in one request, of which Milvus takes 64 MB. */
const BATCH = 10_000;

/** Milvus Lite, started here. The import of files, which is for Milvus' clusters, is not in it. */
export async function openMilvus(records) {
  if (!hasMilvus) return noteMissing('Milvus Lite', 'node scripts/install-servers.mjs milvus');
  const { MilvusClient } = await import('@zilliz/milvus2-sdk-node');
  const { encodeMetadata } = await import('#dist/stores/milvus/metadata.js');
  const server = await startMilvus();
  const address = `127.0.0.1:${server.port}`;
  const store = await MilvusStore.open(`milvus://${address}/${COLLECTION}`);
  const client = new MilvusClient({ address, logLevel: 'error', telemetry: { enabled: false } });
  await client.connectPromise;
  const vectors = vectorFile(records);
  const few = Math.ceil(records.length / 10);
  const rows = records.slice(0, few).map(({ id, vector, document, metadata }) => {
    return { id, vector: Array.from(vector), document, metadata: encodeMetadata(metadata, true) };
  });

  const insert = async (given) => {
    for (const data of batches(rows.slice(0, given.length), BATCH)) {
      const { status } = await client.insert({ collection_name: COLLECTION, data });
      if (status.error_code !== 'Success') throw new Error(status.reason);
    }
  };

  return {
    name: 'Milvus Lite',
    store,
    versions: {
      '@zilliz/milvus2-sdk-node': packageVersion('@zilliz/milvus2-sdk-node'),
      server: SERVERS.milvus.join(', '),
    },
    routes: [
      { name: 'MilvusStore', load: (given) => store.upsert(given.values()) },
      {
        name: 'pymilvus, insert',
        documented: true,
        timedLoad: byPython(
          command('milvus', 'python'),
          'insert_pymilvus.py',
          `http://${address}`,
          COLLECTION,
          vectors.path,
          String(BATCH),
        ),
      },
      { name: 'Milvus SDK for Node.js, insert', documented: true, rows: few, load: insert },
    ],
    stop: async () => {
      await client.closeConnection();
      await store.close();
      await server.stop();
      vectors.remove();
    },
  };
}
