import { describe, expect, it } from 'vitest';
import { AudioEmbedder, ClipEmbedder, ImageEmbedder } from '#dist/index.js';
import { startHub } from '../hub/support.js';
import { imagePath } from '../image/support.js';
import { fixture } from '../text/goldens.js';

const hub = startHub();
const options = () => ({ endpoint: hub.server.url, cacheDir: hub.cacheDir });

describe('models by id', () => {
  it("takes the converted graphs of OpenAI's models, and no joint graph beside them", async () => {
    hub.server.add('openai/clip-vit-base-patch32', { 'config.json': '{}', 'model.safetensors': 'weights' });
    hub.server.addFolder('Xenova/clip-vit-base-patch32', 'test/fixtures/models/tiny-clip');
    await using clip = await ClipEmbedder.load('openai/clip-vit-base-patch32', options());
    expect([clip.modelId, clip.dimensions]).toEqual(['openai/clip-vit-base-patch32', 16]);
    await using local = await ClipEmbedder.load(fixture('models/tiny-clip'));
    expect((await clip.encodeText('a cat')).data).toEqual((await local.encodeText('a cat')).data);
    const graphs = hub.server.seen
      .filter(({ path }) => path.endsWith('.onnx'))
      .map(({ path }) => path.split('/').at(-1));
    expect(new Set(graphs)).toEqual(new Set(['text_model.onnx', 'vision_model.onnx']));
  });

  it("takes the converted graphs of OpenAI's Whisper, and only the encoder's", async () => {
    hub.server.add('openai/whisper-base', { 'config.json': '{}', 'model.safetensors': 'weights' });
    hub.server.addFolder('Xenova/whisper-base', 'test/fixtures/models/tiny-whisper');
    await using whisper = await AudioEmbedder.load('openai/whisper-base', options());
    expect(whisper.modelId).toBe('openai/whisper-base');
    const graphs = hub.server.seen.map(({ path }) => path).filter((path) => path.endsWith('.onnx'));
    expect(new Set(graphs.map((path) => path.split('/').at(-1)))).toEqual(new Set(['encoder_model.onnx']));
  });

  it('loads an image model', async () => {
    hub.server.addFolder('someone/resnet', 'test/fixtures/models/tiny-resnet');
    await using model = await ImageEmbedder.load('someone/resnet', options());
    await using local = await ImageEmbedder.load(fixture('models/tiny-resnet'));
    const image = imagePath('jpeg_444.jpg');
    expect((await model.encode(image)).data).toEqual((await local.encode(image)).data);
  });

  it('says what a repository without graphs has', async () => {
    hub.server.add('someone/clip', { 'config.json': '{}', 'model.safetensors': 'weights' });
    await expect(ClipEmbedder.load('someone/clip', options())).rejects.toMatchObject({
      code: 'ERR_MODEL_NOT_FOUND',
      message: expect.stringContaining('model.safetensors'),
    });
  });
});
