import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { outcome } from '../outcome.js';
import { fixture } from '../text/goldens.js';

it.skipIf(process.platform === 'win32').each([false, true])(
  'without a working directory, absolute paths are good and relative ones an error with a code; asked before: %s',
  async (asked) => {
    const source = `
      import { mkdtempSync, rmdirSync } from 'node:fs';
      import { tmpdir } from 'node:os';
      import { join } from 'node:path';
      import { FlatIndex, ImageEmbedder, TextEmbedder } from '${import.meta.resolve('#dist/index.js')}';
      const gone = mkdtempSync(join(tmpdir(), 'embedlane-gone-'));
      process.chdir(gone);
      if (${asked}) process.cwd();
      rmdirSync(gone);
      const model = await ImageEmbedder.load('${fixture('models/tiny-vit')}');
      console.log((await model.encode('${fixture('images/png_tiny_32x32.png')}')).rows);
      const wrong = [
        () => model.encode('a.png'),
        () => TextEmbedder.load('./model'),
        () => TextEmbedder.load('org/model', { cacheDir: 'cache' }),
        () => FlatIndex.open('index'),
      ];
      for (const call of wrong) console.log(await Promise.resolve().then(call).catch(({ code }) => code));
      await model.close();`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', source], {
      cwd: fileURLToPath(new URL('.', import.meta.url)),
      env: { ...process.env, HF_HUB_OFFLINE: '1' },
    });
    expect(await outcome(child)).toEqual({
      code: 0,
      signal: null,
      // Node remembers what it was asked for: then the files are not found.
      stdout: expect.stringMatching(asked ? /^1\n(ERR_\w+\n){4}$/ : /^1\n(ERR_IO\n){4}$/),
      stderr: '',
    });
  },
);

it('relative paths of sounds count from the working directory of the call, not from that of the load', async () => {
  const source = `
    import { AudioEmbedder } from '${import.meta.resolve('#dist/index.js')}';
    const model = await AudioEmbedder.load('${fixture('models/tiny-whisper')}');
    process.chdir('${fixture('media/audio')}');
    console.log((await model.encode('impulse_1s_16k_f32.wav')).rows);
    await model.close();`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', source]);
  expect(await outcome(child)).toEqual({ code: 0, signal: null, stdout: '1\n', stderr: '' });
});
