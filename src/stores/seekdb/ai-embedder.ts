import { EmbedlaneError } from '../../core/errors.js';
import { retry } from '../../core/retry.js';
import type { StoreEmbedder } from '../types.js';
import type { SeekdbClient } from './client.js';
import { join, sql } from './sql.js';

/** Texts in one statement; the model is asked for each by itself. */
const TEXTS = 16;

/** Embeds with the database's own function, by a model that DBMS_AI_SERVICE knows. */
export function aiEmbedder(client: SeekdbClient, model: string): StoreEmbedder {
  const encodeText = async (texts: string[], { signal }: { signal?: AbortSignal }) => {
    const rows: Float32Array[] = [];
    for (let start = 0; start < texts.length; start += TEXTS) {
      const part = texts.slice(start, start + TEXTS);
      const columns = part.map((text) => sql`AI_EMBED(${model}, ${text})`);
      const statement = sql`SELECT ${join(columns, ', ')}`;
      const task = `embed texts with the model '${model}'`;
      const [row] = await retry(() => client.rows(task, statement), signal);
      for (const vector of Object.values(row)) rows.push(Float32Array.from(JSON.parse(String(vector))));
    }
    return matrix(rows);
  };
  return { encodeText };
}

function matrix(rows: readonly Float32Array[]) {
  const dims = rows[0]?.length ?? 0;
  const data = new Float32Array(rows.length * dims);
  rows.forEach((row, i) => {
    if (row.length !== dims) {
      throw new EmbedlaneError(
        'ERR_DIMENSION',
        `Expected ${dims} dimensions from AI_EMBED for every text but received ${row.length}`,
      );
    }
    data.set(row, i * dims);
  });
  return { data, rows: rows.length, dims };
}
