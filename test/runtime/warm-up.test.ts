import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ClipEmbedder, CrossEncoder, ImageEmbedder, TextEmbedder } from '#dist/index.js';
import { fixture } from '../text/goldens.js';
import { modelFolders } from '../text/model-folders.js';

const { variant } = modelFolders();

/** More than the tiny models' tables of positions hold: a run of this length fails. */
const TOO_MANY = 300;

/** Models that load and cannot run their largest batch, by kind. */
const kinds: [
  string,
  { load(folder: string, options?: object): Promise<AsyncCloser> },
  () => Promise<string>,
][] = [
  ['TextEmbedder', TextEmbedder, () => longReading('tiny-bert-cls')],
  ['CrossEncoder', CrossEncoder, () => longReading('tiny-crossencoder')],
  ['ClipEmbedder', ClipEmbedder, longReadingClip],
  ['ImageEmbedder', ImageEmbedder, oneAtMost],
];

interface AsyncCloser {
  close(): Promise<void>;
}

/** A model that claims to read longer texts than its graph can. */
function longReading(base: string): Promise<string> {
  return variant(base, { 'sentence_bert_config.json': { max_seq_length: TOO_MANY } });
}

async function longReadingClip(): Promise<string> {
  const folder = await variant('tiny-clip');
  for (const file of ['config.json', 'tokenizer_config.json']) {
    const path = join(folder, file);
    const text = await readFile(path, 'utf8');
    await writeFile(
      path,
      text.replace(/("max_position_embeddings"|"model_max_length"): 77/g, `$1: ${TOO_MANY}`),
    );
  }
  return folder;
}

/** A model whose graph fails with two pictures. */
async function oneAtMost(): Promise<string> {
  return variant('tiny-vit', {
    'onnx/model.onnx': await readFile(fixture('graphs/one_picture_at_most.onnx')),
  });
}

describe('warmUp', () => {
  it.each(kinds)('of a %s runs its largest batch while it is loaded', async (_, kind, make) => {
    const folder = await make();
    const model = await kind.load(folder);
    await model.close();
    const error = await kind.load(folder, { warmUp: true }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: 'ERR_RUNTIME',
      message: expect.stringMatching(/bound|dimension|shape/i),
    });
  });

  it('fits the budget', async () => {
    const folder = await longReading('tiny-bert-cls');
    await using model = await TextEmbedder.load(folder, { warmUp: true, tokenBudget: 100, lanes: 2 });
    expect(model.stats()).toMatchObject({ texts: 0, lanes: { alive: 2, deaths: 0 } });
    expect((await model.encode('a')).rows).toBe(1);
  });

  it('of a static model has nothing to do', async () => {
    await using model = await TextEmbedder.load(await variant('tiny-static'), { warmUp: true });
    expect((await model.encode('a')).rows).toBe(1);
  });
});
