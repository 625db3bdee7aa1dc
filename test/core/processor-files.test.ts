import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readAudioModelConfig } from '#dist/audio/config.js';
import { readClapConfig } from '#dist/clap/config.js';
import { readPreprocessing } from '#dist/image/config/preprocessor.js';
import { detectKind } from '#dist/server/models/detect.js';
import { readPerceiverConfig } from '#dist/video/perceiver/config.js';
import { fixture } from '../text/goldens.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'embedlane-processors-'));
});
afterAll(() => rm(folder, { recursive: true }));

const OWN = 'preprocessor_config.json';
const NESTED = 'processor_config.json';

/** A copy of a model as transformers 5 saves it: all processors in one file. */
async function saved(model: string, part: string): Promise<string> {
  const copy = join(folder, model);
  await cp(fixture(`models/${model}`), copy, { recursive: true });
  const config: unknown = JSON.parse(await readFile(join(copy, OWN), 'utf8'));
  await rm(join(copy, OWN));
  await writeFile(join(copy, NESTED), JSON.stringify({ [part]: config, processor_class: 'CLIPProcessor' }));
  return copy;
}

describe('processor_config.json of transformers 5', () => {
  it.each([
    ['tiny-clip', 'image_processor', readPreprocessing],
    ['tiny-clap', 'feature_extractor', readClapConfig],
    ['tiny-clap-fused', 'audio_processor', readClapConfig],
    ['tiny-whisper', 'feature_extractor', readAudioModelConfig],
    ['tiny-perceiver', 'image_processor', readPerceiverConfig],
  ])('says the same of %s as preprocessor_config.json', async (model, part, read) => {
    const copy = await saved(model, part);
    const text = JSON.stringify(await read(fixture(`models/${model}`)));
    const moved = JSON.stringify(await read(copy)).replaceAll(copy, fixture(`models/${model}`));
    expect(moved).toBe(text);
  });

  it('counts before a file of the old kind, unless it is of an old kind itself', async () => {
    const copy = await saved('tiny-resnet', 'image_processor');
    const nested = await readPreprocessing(copy);
    const old = { image_processor_type: 'ViTImageProcessor', size: 7 };
    await writeFile(join(copy, OWN), JSON.stringify(old));
    expect(await readPreprocessing(copy)).toEqual(nested);
    await writeFile(join(copy, NESTED), JSON.stringify({ processor_class: 'CLIPProcessor' }));
    expect((await readPreprocessing(copy)).resize).toEqual({ kind: 'exact', width: 7, height: 7 });
  });

  it('tells the server that a model takes pictures', async () => {
    expect(await detectKind(await saved('tiny-vit', 'image_processor'), {})).toBe('image');
  });

  it('is named in errors', async () => {
    const copy = await saved('tiny-siglip', 'image_processor');
    await writeFile(join(copy, NESTED), JSON.stringify({ image_processor: { size: 'big' } }));
    await expect(readPreprocessing(copy)).rejects.toMatchObject({
      code: 'ERR_MODEL_INVALID',
      message: expect.stringMatching(/processor_config\.json \(image_processor\)/) as string,
    });
    await rm(join(copy, NESTED));
    await expect(readPreprocessing(copy)).rejects.toThrow(
      /preprocessor_config\.json, or processor_config\.json/,
    );
  });
});

describe("Whisper's window", () => {
  it('is chunk_length, as in transformers, whatever n_samples says', async () => {
    const copy = join(folder, 'whisper');
    await cp(fixture('models/tiny-whisper'), copy, { recursive: true });
    await writeFile(join(copy, OWN), JSON.stringify({ chunk_length: 10, n_samples: 480_000 }));
    expect((await readAudioModelConfig(copy)).features.windowSamples).toBe(160_000);
  });
});
