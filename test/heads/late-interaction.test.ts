import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Embeddings, LateInteractionEmbedder } from '#dist/index.js';
import { expectRows, fixture, readGolden, readMatrix } from '../text/goldens.js';
import { modelFolders } from '../text/model-folders.js';

interface Golden {
  texts: string[];
  query_lengths: number[];
  document_lengths: number[];
  scores: number[][];
}

const DIMS = 16;
const CLOSE = { cosine: 0.99999, absolute: 1e-4 };
const QUERIES = 12;

/** All rows under one another. */
function stacked(matrices: Embeddings[]): { data: Float32Array; rows: number; dims: number } {
  const rows = matrices.reduce((sum, matrix) => sum + matrix.rows, 0);
  const data = new Float32Array(rows * DIMS);
  let end = 0;
  for (const matrix of matrices) {
    data.set(matrix.data, end);
    end += matrix.data.length;
  }
  return { data, rows, dims: DIMS };
}

describe('LateInteractionEmbedder', () => {
  const golden = readGolden<Golden>('tiny/tiny-colbert.json');
  let model: LateInteractionEmbedder;
  beforeAll(async () => {
    model = await LateInteractionEmbedder.load(fixture('models/tiny-colbert'));
  });
  afterAll(() => model.close());

  it('expands queries and gives the vectors of sentence-transformers', async () => {
    const queries = await model.encodeQuery(golden.texts.slice(0, QUERIES));
    expect(model.dimensions).toBe(DIMS);
    expect(queries.map(({ rows }) => rows)).toEqual(golden.query_lengths);
    expectRows(stacked(queries), readMatrix('tiny/tiny-colbert_queries.f32.bin', DIMS), CLOSE);
  });

  it('leaves punctuation out of documents and gives the vectors of sentence-transformers', async () => {
    const documents = await model.encodeDocument(golden.texts);
    expect(documents.map(({ rows }) => rows)).toEqual(golden.document_lengths);
    expectRows(stacked(documents), readMatrix('tiny/tiny-colbert_documents.f32.bin', DIMS), CLOSE);
  });

  it('scores and ranks by the best matches', async () => {
    const queries = await model.encodeQuery(golden.texts.slice(0, QUERIES));
    const documents = await model.encodeDocument(golden.texts);
    const { data, rows, cols } = await model.similarity(queries, documents);
    expect([rows, cols]).toEqual([QUERIES, golden.texts.length]);
    golden.scores.flat().forEach((score, i) => {
      expect(Math.abs(data[i] - score)).toBeLessThanOrEqual(1e-4);
    });
    const ranked = await model.rank(golden.texts[0], golden.texts, { topK: 3, returnDocuments: true });
    const best = golden.scores[0].reduce((a, b) => Math.max(a, b));
    expect(ranked.length).toBe(3);
    expect(Math.abs(ranked[0].score - best)).toBeLessThanOrEqual(1e-4);
    expect(ranked[0].text).toBe(golden.texts[ranked[0].corpusId]);
  });

  it('marks texts as PyLate does, with a token after the first', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'embedlane-colbert-'));
    try {
      await cp(fixture('models/tiny-colbert'), folder, { recursive: true });
      const file = join(folder, 'config_sentence_transformers.json');
      const settings = JSON.parse(await readFile(file, 'utf8'));
      const markers = {
        query_prefix: '[UNK]',
        document_prefix: '[PAD]',
        query_length: 12,
        do_query_expansion: false,
      };
      await writeFile(file, JSON.stringify({ ...settings, prompts: {}, ...markers }));
      const transformer = join(folder, 'sentence_bert_config.json');
      const { query_expansion, query_length, ...rest } = JSON.parse(await readFile(transformer, 'utf8'));
      await writeFile(transformer, JSON.stringify(rest));
      await using marked = await LateInteractionEmbedder.load(folder);
      const [plain] = await model.encodeDocument('a b', { prompt: '' });
      const [document] = await marked.encodeDocument('a b');
      expect(document.rows).toBe(plain.rows + 1);
      const [query] = await marked.encodeQuery('a b');
      expect(query.rows).toBe(plain.rows + 1);
      const [long] = await marked.encodeQuery('a b '.repeat(30));
      expect(long.rows).toBe(12);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('refuses misuse', async () => {
    const wide = new Embeddings(new Float32Array(4), 1, 4);
    const narrow = new Embeddings(new Float32Array(2), 1, 2);
    await expect(model.similarity(wide, narrow)).rejects.toMatchObject({ code: 'ERR_DIMENSION' });
    for (const call of [
      () => model.encodeQuery(5 as never),
      () => model.encodeDocument('a', { promptName: 'nothing' }),
      () => model.similarity([5 as never], wide),
      () => model.rank(5 as never, []),
      () => model.rank('a', ['b'], { topK: 0 }),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: 'ERR_INVALID_ARG' });
    }
    expect(await model.encodeQuery([])).toEqual([]);
    expect(await model.rank('a', [])).toEqual([]);
  });
});

describe('modules of a LateInteractionEmbedder', () => {
  const { variant } = modelFolders();
  const load = async (files: Record<string, unknown>) =>
    LateInteractionEmbedder.load(await variant('tiny-colbert', files));
  const mask = async (settings: Record<string, unknown>) => {
    const own = await readFile(fixture('models/tiny-colbert/3_MultiVectorMask/config.json'), 'utf8');
    const config = { ...(JSON.parse(own) as Record<string, unknown>), ...settings };
    return load({ '3_MultiVectorMask/config.json': config });
  };
  const text = 'hello, world!';

  it('leave vectors as long as they are where there is no Normalize', async () => {
    const modules = ['Transformer', 'Dense', 'MultiVectorMask'];
    await using plain = await LateInteractionEmbedder.load(fixture('models/tiny-colbert'));
    await using model = await load({
      'modules.json': modules.map((type, i) => ({ type, path: ['', '1_Dense', '3_MultiVectorMask'][i] })),
    });
    const [document] = await model.encodeDocument(text);
    const [normalised] = await plain.encodeDocument(text);
    expect(document.rows).toBe(normalised.rows);
    for (let row = 0; row < document.rows; row++) {
      const length = Math.hypot(...document.row(row));
      expect(Math.abs(length - 1)).toBeGreaterThan(1e-3);
      normalised.row(row).forEach((value, d) => {
        expect(document.row(row)[d] / length).toBeCloseTo(value, 5);
      });
    }
  });

  it('say for which texts the skip list is, and which tokens alone are kept', async () => {
    await using plain = await LateInteractionEmbedder.load(fixture('models/tiny-colbert'));
    const rows = async (model: LateInteractionEmbedder) => {
      const [query] = await model.encodeQuery(text);
      const [document] = await model.encodeDocument(text);
      return [query.rows, document.rows];
    };
    const [query, document] = await rows(plain);
    await using queries = await mask({ skiplist_tasks: ['query'] });
    // The colon of each prompt, the comma and the exclamation mark.
    expect(await rows(queries)).toEqual([query - 3, document + 3]);
    await using both = await mask({ skiplist_tasks: ['query', 'document'] });
    expect(await rows(both)).toEqual([query - 3, document]);
    await using first = await mask({ keep_only_token_ids: [2] });
    expect(await rows(first)).toEqual([query, 1]);
    await using none = await mask({ keep_only_token_ids: [0] });
    expect(await rows(none)).toEqual([query, 0]);
    expect(await none.rank(text, [text])).toHaveLength(1);
    await expect(mask({ keep_only_token_ids: ['a'] })).rejects.toMatchObject({ code: 'ERR_MODEL_INVALID' });
  });
});
