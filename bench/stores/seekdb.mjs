import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SeekdbStore } from 'embedlane/stores';
import mysql from 'mysql2/promise';
import { command, SERVERS } from '../../test/stores/servers/installed.mjs';
import { hasSeekdb, startSeekdb } from '../../test/stores/servers/seekdb.mjs';
import { packageVersion } from '../lib/machine.mjs';
import { noteMissing } from '../lib/peers.mjs';
import { byPython } from './race.mjs';
import { batches, vectorFile } from './records.mjs';

const TABLE = 'bench';
/** A packet has 16 MB, and a vector as text 8 kB. */
const BATCH = 1000;
const COLUMNS = 'id, vector, document, metadata';

/** seekdb, started here. */
export async function openSeekdb(records) {
  if (!hasSeekdb) return noteMissing('seekdb', 'node scripts/install-servers.mjs seekdb');
  const server = await startSeekdb();
  const { port, folder } = server;
  await allowFiles(folder);
  const store = await SeekdbStore.open(`seekdb://root@127.0.0.1:${port}/test/${TABLE}`);
  const client = await mysql.createConnection({ host: '127.0.0.1', port, user: 'root', database: 'test' });
  await client.query('SET SESSION ob_query_timeout = 600000000, ob_trx_timeout = 600000000');
  const vectors = vectorFile(records);
  const few = Math.ceil(records.length / 10);
  const python = command('seekdb', 'python');
  const byPymysql = (form) =>
    byPython(python, 'insert_pymysql.py', String(port), TABLE, vectors.path, form, String(BATCH));

  const insertTexts = async (given) => {
    for (const batch of batches(given, BATCH)) {
      const rows = batch.map(({ id, vector, document, metadata }) => {
        return [id, `[${vector.join(',')}]`, document, JSON.stringify(metadata)];
      });
      await client.query(`INSERT INTO ${TABLE} (${COLUMNS}) VALUES ?`, [rows]);
    }
  };

  const file = join(folder, 'records.tsv');
  await writeFile(file, lines(records));
  const loadFile = () =>
    client.query(
      `LOAD DATA /*+ PARALLEL(2) */ INFILE ? INTO TABLE ${TABLE} FIELDS TERMINATED BY '\\t' (${COLUMNS})`,
      [file],
    );

  return {
    name: 'seekdb',
    store,
    versions: { mysql2: packageVersion('mysql2'), server: SERVERS.seekdb.join(', ') },
    routes: [
      { name: 'SeekdbStore', load: (given) => store.upsert(given.values()) },
      {
        name: 'pymysql, INSERT of hexadecimal digits, as pyseekdb does',
        documented: true,
        timedLoad: byPymysql('hex'),
      },
      { name: 'LOAD DATA of a file made before', documented: true, load: loadFile },
      { name: 'pymysql, INSERT of text', documented: true, rows: few, timedLoad: byPymysql('text') },
      { name: 'mysql2, INSERT of text', documented: true, rows: few, load: insertTexts },
    ],
    stop: async () => {
      await client.end();
      await store.close();
      await server.stop();
      vectors.remove();
    },
  };
}

function* lines(records) {
  for (const batch of batches(records, BATCH)) {
    const rows = batch.map(({ id, vector, document, metadata }) => {
      return `${id}\t[${vector.join(',')}]\t${document}\t${JSON.stringify(metadata)}\n`;
    });
    yield rows.join('');
  }
}

/** Lets the server read files, which it grants on its own socket only. */
async function allowFiles(folder) {
  const local = await mysql.createConnection({ socketPath: join(folder, 'data/run/sql.sock'), user: 'root' });
  await local.query("SET GLOBAL secure_file_priv = '/'");
  await local.end();
}
