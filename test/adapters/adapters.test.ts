import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  aiSdkEmbeddingModel,
  aiSdkRerankingModel,
  chromaEmbeddingFunction,
  chromaSparseEmbeddingFunction,
  lanceDbEmbeddingFunction,
  langChainCompressor,
  llamaIndexEmbedding,
} from '#dist/adapters/index.js';
import { CrossEncoder, SparseEmbedder, TextEmbedder } from '#dist/index.js';
import { OpenAIEmbedder } from '#dist/providers/index.js';
import { fixture } from '../text/goldens.js';

// What the packages themselves make of these: scripts/test-adapters.mjs.
let model: TextEmbedder;
let reranker: CrossEncoder;
let sparse: SparseEmbedder;
beforeAll(async () => {
  [model, reranker, sparse] = await Promise.all([
    TextEmbedder.load(fixture('models/tiny-bert-cls')),
    CrossEncoder.load(fixture('models/tiny-crossencoder')),
    SparseEmbedder.load(fixture('models/tiny-splade')),
  ]);
});
afterAll(() => Promise.all([model?.close(), reranker?.close(), sparse?.close()]));

const TEXTS = ['a cat sleeps', 'rates rose', 'a dog barks'];
const expected = async () => (await model.encode(TEXTS)).toArrays();

describe('the AI SDK', () => {
  it('embeds, counts tokens and can be aborted', async () => {
    const adapter = aiSdkEmbeddingModel(model);
    const { embeddings, usage, warnings } = await adapter.doEmbed({ values: TEXTS });
    expect(embeddings).toEqual(await expected());
    const tokens = (await model.tokenize(TEXTS)).reduce((sum, { ids }) => sum + ids.length, 0);
    expect([usage, warnings]).toEqual([{ tokens }, []]);
    expect(adapter).toMatchObject({
      specificationVersion: 'v3',
      provider: 'embedlane',
      modelId: model.modelId,
    });
    for (const specificationVersion of ['v2', 'v4'] as const) {
      const other = aiSdkEmbeddingModel(model, { specificationVersion });
      expect(other.specificationVersion).toBe(specificationVersion);
    }
    const abortSignal = AbortSignal.abort();
    await expect(adapter.doEmbed({ values: TEXTS, abortSignal })).rejects.toMatchObject({
      code: 'ERR_ABORTED',
    });
  });

  it("takes providers' embedders", async () => {
    await using remote = new OpenAIEmbedder({
      model: 'm',
      apiKey: 'k',
      baseURL: 'http://127.0.0.1:9',
      maxRetries: 0,
    });
    const failure = aiSdkEmbeddingModel(remote).doEmbed({ values: TEXTS });
    await expect(failure).rejects.toMatchObject({ code: 'ERR_REMOTE' });
  });

  it('reranks texts and objects', async () => {
    const adapter = aiSdkRerankingModel(reranker);
    const ranked = await reranker.rank('q', TEXTS);
    const { ranking } = await adapter.doRerank({ documents: { type: 'text', values: TEXTS }, query: 'q' });
    expect(ranking).toEqual(
      ranked.map(({ corpusId, score }) => ({ index: corpusId, relevanceScore: score })),
    );
    const values = TEXTS.map((text) => ({ text }));
    const [best] = await reranker.rank(
      'q',
      values.map((value) => JSON.stringify(value)),
    );
    const objects = await adapter.doRerank({ documents: { type: 'object', values }, query: 'q', topN: 1 });
    expect(objects.ranking).toEqual([{ index: best.corpusId, relevanceScore: best.score }]);
  });
});

describe('LangChain.js', () => {
  it('keeps the best documents with their scores and all that they have', async () => {
    const documents = TEXTS.map((pageContent, i) => ({
      pageContent,
      id: String(i),
      metadata: { source: `${i}.txt` },
    }));
    const ranked = await reranker.rank('q', TEXTS, { topK: 2 });
    expect(await langChainCompressor(reranker, { topN: 2 }).compressDocuments(documents, 'q')).toEqual(
      ranked.map(({ corpusId, score }) => ({
        ...documents[corpusId],
        metadata: { source: `${corpusId}.txt`, relevanceScore: score },
      })),
    );
    expect(await langChainCompressor(reranker).compressDocuments(documents, 'q')).toHaveLength(3);
    expect(documents[0].metadata).not.toHaveProperty('relevanceScore');
  });

  it('keeps the class of its documents', async () => {
    class Page {
      metadata = {};
      readonly pageContent: string;
      constructor(pageContent: string) {
        this.pageContent = pageContent;
      }
      get length() {
        return this.pageContent.length;
      }
    }
    const [page] = await langChainCompressor(reranker).compressDocuments([new Page('a text')], 'q');
    expect(page).toBeInstanceOf(Page);
    expect(page.length).toBe(6);
    expect(page.metadata).toHaveProperty('relevanceScore');
  });
});

describe('LlamaIndex.TS', () => {
  abstract class BaseEmbedding {
    similarity(): string {
      return 'inherited';
    }
    abstract getTextEmbedding(text: string): Promise<number[]>;
    abstract getTextEmbeddings: (texts: string[]) => Promise<number[][]>;
    abstract getQueryEmbedding(query: unknown): Promise<number[] | null>;
  }

  it('is a class of its own', async () => {
    const adapter = llamaIndexEmbedding(BaseEmbedding, model);
    expect(adapter).toBeInstanceOf(BaseEmbedding);
    expect(adapter.similarity()).toBe('inherited');
    const rows = await expected();
    expect(await adapter.getTextEmbeddings(TEXTS)).toEqual(rows);
    expect(await adapter.getTextEmbedding(TEXTS[1])).toEqual((await model.embedDocuments([TEXTS[1]]))[0]);
    const query = await model.embedQuery(TEXTS[0]);
    expect(await adapter.getQueryEmbedding({ type: 'text', text: TEXTS[0] })).toEqual(query);
    expect(await adapter.getQueryEmbedding({ type: 'image_url' })).toBeNull();
  });
});

describe('Chroma', () => {
  it('embeds documents and queries, dense and sparse', async () => {
    const adapter = chromaEmbeddingFunction(model);
    expect(await adapter.generate(TEXTS)).toEqual(await expected());
    expect(await adapter.generateForQueries(TEXTS)).toEqual((await model.encodeQuery(TEXTS)).toArrays());
    expect([adapter.name, adapter.defaultSpace(), adapter.getConfig().model]).toEqual([
      ...['embedlane', 'cosine', model.modelId],
    ]);
    const [vector] = await sparse.encode(TEXTS);
    const [plain] = await chromaSparseEmbeddingFunction(sparse).generate(TEXTS);
    expect(plain).toEqual({ indices: Array.from(vector.indices), values: Array.from(vector.values) });
  });
});

describe('LanceDB', () => {
  abstract class TextEmbeddingFunction {
    abstract init(): Promise<void>;
    abstract ndims(): number | undefined;
    abstract toJSON(): object;
    abstract generateEmbeddings(texts: string[]): Promise<number[][]>;
    abstract computeQueryEmbeddings(text: string): Promise<number[]>;
  }

  it('loads its model by what a table remembers', async () => {
    const Embedlane = lanceDbEmbeddingFunction(TextEmbeddingFunction);
    const first = new Embedlane({ model: fixture('models/tiny-bert-cls') });
    const again = new Embedlane(first.toJSON());
    await again.init();
    expect(again.ndims()).toBe(model.dimensions);
    expect(await again.generateEmbeddings(TEXTS)).toEqual(await expected());
    expect(await again.computeQueryEmbeddings(TEXTS[0])).toEqual(await model.embedQuery(TEXTS[0]));
    expect(new Embedlane().toJSON()).toEqual({ model: 'all-MiniLM-L6-v2' });
  });

  it('says what is wrong with its model, and tries again', async () => {
    const Embedlane = lanceDbEmbeddingFunction(TextEmbeddingFunction);
    const lost = new Embedlane({ model: './nowhere' });
    await expect(lost.init()).rejects.toMatchObject({ code: 'ERR_MODEL_NOT_FOUND' });
    await expect(lost.init()).rejects.toMatchObject({ code: 'ERR_MODEL_NOT_FOUND' });
  });
});

it.each<[string, () => unknown, RegExp]>([
  ['no embedder', () => aiSdkEmbeddingModel(undefined as never), /embedder/],
  ['a reranker that embeds', () => chromaEmbeddingFunction(reranker as never), /embedder/],
  ['an embedder that ranks', () => aiSdkRerankingModel(model as never), /reranker/],
  ['an unknown version', () => aiSdkEmbeddingModel(model, { specificationVersion: 'v1' as never }), /'v2'/],
  [
    'a reranker for ai 5',
    () => aiSdkRerankingModel(reranker, { specificationVersion: 'v2' as never }),
    /'v3'/,
  ],
  ['an unknown option', () => aiSdkEmbeddingModel(model, { version: 'v3' } as never), /version/],
  ['no documents to keep', () => langChainCompressor(reranker, { topN: 0 }), /topN/],
  ['no class', () => llamaIndexEmbedding(undefined as never, model), /BaseEmbedding/],
  ['no class of LanceDB', () => lanceDbEmbeddingFunction({} as never), /TextEmbeddingFunction/],
  ['a dense model as a sparse one', () => chromaSparseEmbeddingFunction(7 as never), /SparseEmbedder/],
])('refuses %s', (_, call, message) => {
  expect(call).toThrowError(
    expect.objectContaining({ code: 'ERR_INVALID_ARG', message: expect.stringMatching(message) }),
  );
});
