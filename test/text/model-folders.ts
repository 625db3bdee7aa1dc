import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { fixture } from './goldens.js';

/** Makes model folders below a temporary one that the suite removes. Call it inside `describe`. */
export function modelFolders() {
  let root = '';
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'embedlane-models-'));
  });
  afterAll(() => rm(root, { recursive: true }));

  return {
    /** A copy of a tiny model with some files changed: an object is written as JSON, `undefined` removes a file. */
    async variant(base: string, files: Record<string, unknown> = {}): Promise<string> {
      const copy = await mkdtemp(join(root, 'model-'));
      await cp(fixture(`models/${base}`), copy, { recursive: true });
      await change(copy, files);
      return copy;
    },
    /** A folder of `test/fixtures/modules` with its Transformers in place. */
    async withModules(name: string, transformers: Record<string, string>): Promise<string> {
      const copy = await mkdtemp(join(root, 'model-'));
      for (const [path, base] of Object.entries(transformers)) {
        for (const part of ['onnx', 'config.json', 'tokenizer.json', 'tokenizer_config.json']) {
          await cp(fixture(`models/${base}/${part}`), join(copy, path, part), { recursive: true });
        }
      }
      await cp(fixture(`modules/${name}`), copy, { recursive: true });
      return copy;
    },
    change,
  };
}

async function change(folder: string, files: Record<string, unknown>): Promise<void> {
  for (const [file, value] of Object.entries(files)) {
    const path = join(folder, file);
    await mkdir(dirname(path), { recursive: true });
    if (value === undefined) await rm(path);
    else await writeFile(path, Buffer.isBuffer(value) ? value : JSON.stringify(value));
  }
}
