import { describe, expect, it } from 'vitest';
import { AudioEmbedder, ClipEmbedder, CrossEncoder, ImageEmbedder } from '#dist/index.js';
import { fixture } from '../text/goldens.js';

/** A grey picture whose brightness is its number. */
const picture = (brightness: number) => ({
  data: new Uint8Array(64 * 64 * 3).fill(brightness),
  ...{ width: 64, height: 64, channels: 3 as const },
});
const pictures = Array.from({ length: 70 }, (_, i) => picture(3 * i));
const sound = { samples: new Float32Array(16_000).map((_, i) => Math.sin(i / 10)), sampleRate: 16_000 };

interface Kind {
  name: string;
  /** Values that a model, loaded with these options, computes. */
  compute(options: object): Promise<number[]>;
}

const kinds: Kind[] = [
  {
    name: 'ImageEmbedder',
    async compute(options) {
      await using model = await ImageEmbedder.load(fixture('models/tiny-resnet'), options);
      return Array.from((await model.encode(pictures)).data);
    },
  },
  {
    name: 'ClipEmbedder',
    async compute(options) {
      await using model = await ClipEmbedder.load(fixture('models/tiny-clip'), options);
      const [texts, images] = await Promise.all([model.encodeText(['a', 'b']), model.encodeImage(pictures)]);
      return [...texts.data, ...images.data];
    },
  },
  {
    name: 'AudioEmbedder',
    async compute(options) {
      const model = await AudioEmbedder.load(fixture('models/tiny-whisper'), options);
      try {
        return Array.from((await model.encode([sound, sound])).data);
      } finally {
        await model.close();
      }
    },
  },
  {
    name: 'CrossEncoder',
    async compute(options) {
      const model = await CrossEncoder.load(fixture('models/tiny-crossencoder'), options);
      try {
        const pairs = Array.from({ length: 1100 }, (_, i): [string, string] => ['a', 'word '.repeat(i % 20)]);
        return Array.from(await model.predict(pairs)).flat();
      } finally {
        await model.close();
      }
    },
  },
];

describe.each(kinds)('$name', ({ compute }) => {
  it('computes the same in two lanes, in threads, warmed up, and when it is unloaded between calls', async () => {
    const expected = await compute({ threads: 1 });
    for (const options of [{ lanes: 2 }, { isolation: 'thread' }, { keepAlive: 0 }, { warmUp: true }]) {
      const actual = await compute({ threads: 1, ...options });
      expect(actual.length).toBe(expected.length);
      const most = actual.reduce((worst, value, i) => Math.max(worst, Math.abs(value - expected[i])), 0);
      expect(most, JSON.stringify(options)).toBeLessThan(1e-4);
    }
  }, 120_000);
});

describe('a timeout of a reranker', () => {
  it('ends the call with ERR_TIMEOUT, and the next one works', async () => {
    const model = await CrossEncoder.load(fixture('models/tiny-crossencoder'));
    try {
      const pairs = Array.from({ length: 50_000 }, (_, i): [string, string] => ['a', 'word '.repeat(i % 50)]);
      await expect(model.predict(pairs, { timeout: 1 })).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
      await expect(model.predict(pairs, { timeout: 0 })).rejects.toMatchObject({ code: 'ERR_INVALID_ARG' });
      expect(await model.rank('a', ['b', 'c'], { timeout: 600_000 })).toHaveLength(2);
    } finally {
      await model.close();
    }
  });
});
