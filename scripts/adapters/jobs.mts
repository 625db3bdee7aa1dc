// Compiled and run by ../test-adapters.mjs beside the packages that it names.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EmbeddingModelV3, RerankingModelV3 } from '@ai-sdk/provider';
import { connect } from '@lancedb/lancedb';
import { getRegistry, LanceSchema, register, TextEmbeddingFunction } from '@lancedb/lancedb/embedding';
import { Document } from '@langchain/core/documents';
import type { EmbeddingsInterface } from '@langchain/core/embeddings';
import type { BaseDocumentCompressor } from '@langchain/core/retrievers/document_compressors';
import { BaseEmbedding } from '@llamaindex/core/embeddings';
import { embedMany, rerank } from 'ai';
import { Utf8 } from 'apache-arrow';
import type { EmbeddingFunction, SparseEmbeddingFunction } from 'chromadb';
import { CrossEncoder, SparseEmbedder, TextEmbedder } from 'embedlane';
import {
  aiSdkEmbeddingModel,
  aiSdkRerankingModel,
  chromaEmbeddingFunction,
  chromaSparseEmbeddingFunction,
  lanceDbEmbeddingFunction,
  langChainCompressor,
  llamaIndexEmbedding,
} from 'embedlane/adapters';

const fixtures = process.argv[2];
const model = await TextEmbedder.load('all-MiniLM-L6-v2');
const reranker = await CrossEncoder.load(join(fixtures, 'tiny-crossencoder'));
const sparse = await SparseEmbedder.load(join(fixtures, 'tiny-splade'));
const texts = ['a cat sleeps', 'the bank raised its rates', 'a dog barks'];
const expected = (await model.encode(texts)).toArrays();
const ranked = await reranker.rank('who sleeps', texts);

function same(name: string, actual: ArrayLike<number>[]): void {
  assert.equal(actual.length, expected.length, name);
  actual.forEach((row, i) => {
    assert.equal(row.length, expected[i].length, name);
    const most = Math.max(...Array.from(row, (value, d) => Math.abs(value - expected[i][d])));
    assert(most < 1e-5, `${name}: text ${i} differs by ${most}`);
  });
  console.log(`ok: ${name}`);
}

const embeddingModel: EmbeddingModelV3 = aiSdkEmbeddingModel(model);
const many = await embedMany({ model: embeddingModel, values: texts });
assert(many.usage.tokens > 10);
same('AI SDK embedMany', many.embeddings);

const rerankingModel: RerankingModelV3 = aiSdkRerankingModel(reranker);
const { ranking } = await rerank({ model: rerankingModel, query: 'who sleeps', documents: texts, topN: 2 });
assert.deepEqual(
  ranking.map(({ originalIndex }) => originalIndex),
  ranked.slice(0, 2).map(({ corpusId }) => corpusId),
);
console.log('ok: AI SDK rerank');

const embeddings: EmbeddingsInterface = model;
same('LangChain.js embeddings', await embeddings.embedDocuments(texts));
const compressor: BaseDocumentCompressor = langChainCompressor(reranker, { topN: 2 });
const documents = texts.map((pageContent, i) => new Document({ pageContent, metadata: { i } }));
const kept = await compressor.compressDocuments(documents, 'who sleeps');
assert.deepEqual(
  kept.map(({ metadata }) => metadata.i),
  ranked.slice(0, 2).map(({ corpusId }) => corpusId),
);
console.log('ok: LangChain.js compressor');

const llama: BaseEmbedding = llamaIndexEmbedding(BaseEmbedding, model);
const [query] = expected;
assert.equal(
  llama.similarity(query, (await llama.getQueryEmbedding({ type: 'text', text: texts[0] })) ?? []) > 0.99999,
  true,
);
same('LlamaIndex.TS', await llama.getTextEmbeddingsBatch(texts));

const chroma: EmbeddingFunction = chromaEmbeddingFunction(model);
const chromaSparse: SparseEmbeddingFunction = chromaSparseEmbeddingFunction(sparse);
assert.equal((await chromaSparse.generate(texts)).length, texts.length);
same('Chroma', await chroma.generate(texts));

register('embedlane')(lanceDbEmbeddingFunction(TextEmbeddingFunction));
const folder = await mkdtemp(join(tmpdir(), 'embedlane-lancedb-'));
try {
  const embed = await getRegistry().get('embedlane')?.create({ model: 'all-MiniLM-L6-v2' });
  assert(embed);
  const schema = LanceSchema({ text: embed.sourceField(new Utf8()), vector: embed.vectorField() });
  const database = await connect(folder);
  const table = await database.createEmptyTable('t', schema);
  await table.add(texts.map((text) => ({ text })));
  const reopened = await (await connect(folder)).openTable('t');
  const [found] = await reopened.search('kitten').limit(1).toArray();
  assert.equal(found.text, texts[0]);
  same(
    'LanceDB',
    (await reopened.query().toArray()).map(({ vector }) => Array.from(vector as Iterable<number>)),
  );
} finally {
  await rm(folder, { recursive: true, force: true });
}
await Promise.all([model.close(), reranker.close(), sparse.close()]);
// LanceDB's own model is closed with the process.
process.exit(0);
