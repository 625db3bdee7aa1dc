import type { StoreEmbedder } from 'embedlane/stores';
import { describe, expect, it } from 'vitest';
import { code } from '../../index/support.js';
import { type ConformanceTarget, withStore } from './target.js';

const DIMS = 26;

/** Letters of a text, counted. Questions are shouted. */
function letters(texts: readonly unknown[]) {
  const data = new Float32Array(texts.length * DIMS).fill(0.125);
  texts.forEach((text, row) => {
    for (const letter of String(text).toLowerCase()) {
      const place = letter.charCodeAt(0) - 97;
      if (place >= 0 && place < DIMS) data[row * DIMS + place]++;
    }
  });
  return { data, rows: texts.length, dims: DIMS };
}

function countingEmbedder(): StoreEmbedder & { asked: [string, number][] } {
  const asked: [string, number][] = [];
  return {
    asked,
    async encodeQuery(texts) {
      asked.push(['query', texts.length]);
      return letters(texts);
    },
    async encodeDocument(texts) {
      asked.push(['document', texts.length]);
      return letters(texts);
    },
    async encodeImage(images) {
      asked.push(['image', images.length]);
      return letters(images);
    },
  };
}

/** Records and queries that are texts or images. */
export function embedding(target: ConformanceTarget): void {
  const metric = target.dtypes.f32?.[0] ?? 'cosine';

  describe('with an embedder', () => {
    it('embeds texts and images in batches, and keeps the texts as documents', async () => {
      const embedder = countingEmbedder();
      await withStore(
        target,
        async (store) => {
          await store.create({ dims: DIMS, metric });
          await store.upsert(
            [
              { id: 'a', text: 'aardvark' },
              { id: 'b', text: 'bubble bath', document: 'another document' },
              { id: 'c', image: 'cccc', metadata: { kind: 'image' } },
              { id: 'd', vector: letters(['ddd']).data },
            ],
            { batchSize: 10 },
          );
          expect(embedder.asked).toEqual([
            ['document', 2],
            ['image', 1],
          ]);
          const records = await store.get(['a', 'b', 'c', 'd']);
          expect(records.map((found) => found?.document)).toEqual([
            'aardvark',
            'another document',
            undefined,
            undefined,
          ]);
          expect((await store.search('bbb', { k: 1 }))[0].id).toBe('b');
          expect((await store.search({ text: 'aaa' }, { k: 1 }))[0].id).toBe('a');
          expect((await store.search({ image: 'ccc' }, { k: 1 }))[0].id).toBe('c');
          expect(embedder.asked.slice(2).map(([kind]) => kind)).toEqual(['query', 'query', 'image']);
        },
        { embedder },
      );
    });

    it('refuses an embedder that does not fit the collection', async () => {
      await withStore(
        target,
        async (store) => {
          await store.create({ dims: DIMS + 1, metric });
          await expect(store.upsert([{ id: 'a', text: 'a' }])).rejects.toThrow(code('ERR_DIMENSION'));
          await expect(store.search('a')).rejects.toThrow(code('ERR_DIMENSION'));
          expect(await store.count()).toBe(0);
        },
        { embedder: countingEmbedder() },
      );
    });

    it("passes the embedder's failures on and stores nothing of that batch", async () => {
      const failing: StoreEmbedder = {
        async encodeText(texts) {
          if (texts.includes('bad')) throw new RangeError('out of memory');
          return letters(texts);
        },
      };
      await withStore(
        target,
        async (store) => {
          await store.create({ dims: DIMS, metric });
          const records = ['one', 'two', 'bad', 'four'].map((text, i) => ({ id: `${i}`, text }));
          await expect(store.upsert(records, { batchSize: 2 })).rejects.toThrow('out of memory');
          expect(await store.count()).toBe(2);
        },
        { embedder: failing },
      );
    });
  });
}
