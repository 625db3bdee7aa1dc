import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ClipEmbedder } from '#dist/clip/index.js';
import { TextTokenizer } from '#dist/text/lane/tokenizer.js';
import { imagePath } from '../image/support.js';
import { expectRows, fixture, readGolden, readMatrix } from '../text/goldens.js';

interface ClipGolden {
  texts: string[];
  images: string[];
  zero_shot: { template: string; labels: string[] };
}

interface TokensGolden {
  cases: { text: string; input_ids: number[]; input_ids_truncated?: number[] }[];
}

const TINY = fixture('models/tiny-clip');
const EXACT = { cosine: 0.99999, absolute: 1e-5 };
const golden = readGolden<ClipGolden>('images/clip/clip.json');
const files = golden.images.map(imagePath);
const matrix = (name: string, dims = 16) => readMatrix(`images/clip/${name}.bin`, dims);

let folder: string;
let clip: ClipEmbedder;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'embedlane-clip-'));
  clip = await ClipEmbedder.load(TINY);
});
afterAll(async () => {
  await clip?.close();
  await rm(folder, { recursive: true });
});

/** A copy of the tiny model without some of its files, and with others changed. */
async function variant(without: string[], changes: Record<string, object> = {}): Promise<string> {
  const copy = await mkdtemp(join(folder, 'model-'));
  await cp(TINY, copy, { recursive: true });
  for (const file of without) await rm(join(copy, file));
  for (const [file, change] of Object.entries(changes)) {
    const content = JSON.parse(await readFile(join(copy, file), 'utf8')) as object;
    await writeFile(join(copy, file), JSON.stringify({ ...content, ...change }));
  }
  return copy;
}

describe("CLIP's tokenizer", () => {
  it("gives transformers' ids, cut at 77", async () => {
    const { cases } = readGolden<TokensGolden>('images/clip/tokens.json');
    const files = {
      file: join(TINY, 'tokenizer.json'),
      truncationSide: undefined,
      paddingSide: undefined,
      padToken: '<|endoftext|>',
      padId: undefined,
    };
    const tokenizer = await TextTokenizer.open({ files, maxTokens: 77, lowercase: false });
    const { sequences } = await tokenizer.sequences(cases.map(({ text }) => text));
    cases.forEach(({ text, input_ids, input_ids_truncated }, i) => {
      expect(Array.from(sequences[i].ids), JSON.stringify(text)).toEqual(input_ids_truncated ?? input_ids);
    });
  });
});

describe('two graphs, against transformers', () => {
  it('knows its size', () => {
    expect([clip.dimensions, clip.maxTokens, clip.modelId]).toEqual([16, 77, TINY]);
  });

  it('gives the same features of texts and of pictures', async () => {
    expectRows(await clip.encodeText(golden.texts), matrix('text_features'), EXACT);
    expectRows(await clip.encodeImage(files), matrix('image_features'), EXACT);
    expectRows(
      await clip.encodeText(golden.texts, { normalize: true }),
      matrix('text_features_normalized'),
      EXACT,
    );
    expectRows(
      await clip.encodeImage(files, { normalize: true }),
      matrix('image_features_normalized'),
      EXACT,
    );
  });

  it('cuts to fewer dimensions', async () => {
    const whole = await clip.encodeText('a cat');
    expect((await clip.encodeText('a cat', { truncateDim: 5 })).data).toEqual(whole.data.slice(0, 5));
    expect((await clip.encodeImage(files[0], { truncateDim: 5 })).dims).toBe(5);
  });

  it('gives the same probabilities of labels', async () => {
    const { labels, template } = golden.zero_shot;
    const probabilities = matrix('zero_shot_probs', labels.length);
    const found = await clip.classify(files, labels, { templates: [template] });
    found.forEach((list, row) => {
      expect(list.map(({ score }) => score)).toEqual(list.map(({ score }) => score).sort((a, b) => b - a));
      for (const { label, score, index } of list) {
        expect(label).toBe(labels[index]);
        expect(Math.abs(score - probabilities.data[row * labels.length + index])).toBeLessThan(1e-4);
      }
    });
    expect(await clip.classify(files[1], labels, { templates: template, topK: 2 })).toEqual(
      found[1].slice(0, 2),
    );
  });

  it('averages templates, of which one twice is one', async () => {
    const labels = ['cat', 'rocket', '$& and {}'];
    const one = await clip.classify(files[0], labels, { templates: 'a {}' });
    const twice = await clip.classify(files[0], labels, { templates: ['a {}', 'a {}'] });
    twice.forEach(({ score }, i) => {
      expect(score).toBeCloseTo(one[i].score, 5);
    });
    const two = await clip.classify(files[0], labels, { templates: ['a {}', 'no {} at all'] });
    expect(two.map(({ score }) => score)).not.toEqual(one.map(({ score }) => score));
  });

  it('takes texts of any length and number, in order', async () => {
    const texts = Array.from({ length: 700 }, (_, i) => `${'word '.repeat(i % 100)}${i}`);
    const e = await clip.encodeText(texts);
    expect(e.rows).toBe(700);
    const some = [3, 99, 512, 699];
    const again = await clip.encodeText(some.map((i) => texts[i]));
    some.forEach((i, row) => {
      again.row(row).forEach((value, d) => {
        expect(Math.abs(value - e.row(i)[d])).toBeLessThan(1e-5);
      });
    });
    expect((await clip.encodeText('x'.repeat(600_000))).rows).toBe(1);
    expect((await clip.encodeText([])).rows).toBe(0);
  });

  it('streams pictures', async () => {
    let rows = 0;
    for await (const part of clip.encodeImageStream(files, { window: 3 })) rows += part.rows;
    expect(rows).toBe(files.length);
  });
});

describe('one joint graph', () => {
  it('gives the same unit vectors and probabilities', async () => {
    const id = await variant(['onnx/text_model.onnx', 'onnx/vision_model.onnx']);
    await using joint = await ClipEmbedder.load(id);
    expectRows(await joint.encodeText(golden.texts), matrix('text_features_normalized'), EXACT);
    expectRows(await joint.encodeImage(files), matrix('image_features_normalized'), EXACT);
    const { labels, template } = golden.zero_shot;
    const expected = await clip.classify(files[0], labels, { templates: [template] });
    const found = await joint.classify(files[0], labels, { templates: [template] });
    found.forEach(({ label, score }, i) => {
      expect(label).toBe(expected[i].label);
      expect(score).toBeCloseTo(expected[i].score, 4);
    });
  });
});

describe('the logit scale', () => {
  it("is OpenAI's 100 without a joint graph, or the caller's", async () => {
    const id = await variant(['onnx/model.onnx']);
    const labels = ['cat', 'dog'];
    const difference = async (options = {}) => {
      await using model = await ClipEmbedder.load(id, options);
      const [a, b] = await model.classify(files[1], labels);
      return Math.log(a.score / b.score);
    };
    const hundred = await difference();
    expect(await difference({ logitScale: 50 })).toBeCloseTo(hundred / 2, 4);
    expect(await difference({ logitScale: 50, logitBias: 3 })).toBeCloseTo(hundred / 2, 4);
  });

  it('of a SigLIP model has to be known; probabilities stand alone', async () => {
    const siglip = { 'config.json': { model_type: 'siglip' } };
    await using unknown = await ClipEmbedder.load(await variant(['onnx/model.onnx'], siglip));
    await expect(unknown.classify(files[0], ['cat'])).rejects.toMatchObject({
      code: 'ERR_MODEL_INVALID',
      message: expect.stringContaining('logitScale'),
    });
    await using known = await ClipEmbedder.load(await variant([], siglip), { logitScale: 10, logitBias: -1 });
    const [texts, image] = [await known.encodeText(['a cat', 'a dog']), await known.encodeImage(files[0])];
    const found = await known.classify(files[0], ['cat', 'dog'], { templates: 'a {}' });
    const cosines = known.similarity(image, texts).data;
    for (const { index, score } of found) {
      expect(score).toBeCloseTo(1 / (1 + Math.exp(1 - 10 * cosines[index])), 5);
    }
    // Texts fill all positions, which a model that pools the first end of text does not notice.
    expectRows(await known.encodeText(golden.texts), matrix('text_features'), EXACT);
  });
});

describe('misuse', () => {
  it.each<[string, () => Promise<unknown>]>([
    ['no labels', () => clip.classify(files[0], [])],
    ['labels that are no list', () => clip.classify(files[0], 'cat' as never)],
    ['an empty label', () => clip.classify(files[0], ['cat', ''])],
    ['a template without a place', () => clip.classify(files[0], ['cat'], { templates: 'a cat' })],
    ['no templates', () => clip.classify(files[0], ['cat'], { templates: [] })],
    ['topK of zero', () => clip.classify(files[0], ['cat'], { topK: 0 })],
    ['an unknown option', () => clip.encodeText('a', { prompt: 'b' } as never)],
    ['texts that are none', () => clip.encodeText(7 as never)],
    ['a picture that is none', () => clip.encodeImage(7 as never)],
    ['a bias without a scale', () => ClipEmbedder.load(TINY, { logitBias: 1 })],
  ])('%s', async (_, call) => {
    await expect(call()).rejects.toMatchObject({ name: 'EmbedlaneError', code: 'ERR_INVALID_ARG' });
  });

  it('a model of texts only', async () => {
    for (const id of ['all-MiniLM-L6-v2', fixture('models/tiny-resnet')]) {
      await expect(ClipEmbedder.load(id)).rejects.toMatchObject({ code: 'ERR_MODEL_INVALID' });
    }
  });

  it('half a model', async () => {
    const id = await variant(['onnx/vision_model.onnx', 'onnx/model.onnx']);
    await expect(ClipEmbedder.load(id)).rejects.toMatchObject({
      code: 'ERR_MODEL_NOT_FOUND',
      message: expect.stringContaining('only onnx/text_model.onnx'),
    });
  });

  it('a closed model, and an aborted call', async () => {
    const closed = await ClipEmbedder.load(TINY);
    await closed.close();
    await expect(closed.encodeText('a')).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    await expect(closed.encodeImage(files[0])).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    const signal = AbortSignal.abort();
    await expect(clip.encodeText('a', { signal })).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    await expect(clip.encodeImage(files, { signal })).rejects.toMatchObject({ code: 'ERR_ABORTED' });
  });

  it('what takes longer than its timeout', async () => {
    const late = { code: 'ERR_TIMEOUT' };
    const many = Array.from({ length: 3000 }, (_, i) => `text ${i}`);
    await expect(clip.encodeText(many, { timeout: 1 })).rejects.toMatchObject(late);
    // More than go to the lane at once: the event loop has to turn, and to look at its timers, before the last.
    const pictures = Array.from({ length: 50 }, () => files).flat();
    await expect(clip.encodeImage(pictures, { timeout: 1 })).rejects.toMatchObject(late);
    await expect(clip.classify(files, many, { timeout: 1 })).rejects.toMatchObject(late);
    await expect(clip.encodeText('a', { timeout: -1 })).rejects.toMatchObject({ code: 'ERR_INVALID_ARG' });
    expect((await clip.encodeText('a', { timeout: 600_000 })).rows).toBe(1);
  });

  it("an error of onProgress, which is the caller's own", async () => {
    const onProgress = () => {
      throw new RangeError('mine');
    };
    await expect(clip.encodeText('a', { onProgress })).rejects.toThrow(new RangeError('mine'));
  });
});
