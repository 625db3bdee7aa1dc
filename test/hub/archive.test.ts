import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { outsideArchive } from '#dist/hub/bundled.js';

const folder = mkdtempSync(join(tmpdir(), 'embedlane-archive-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe("a bundled model in Electron's archive", () => {
  it('is read where it was unpacked', () => {
    const unpacked = join(folder, 'app.asar.unpacked', 'node_modules', 'model');
    mkdirSync(unpacked, { recursive: true });
    expect(outsideArchive(join(folder, 'app.asar', 'node_modules', 'model'))).toBe(unpacked);
  });

  it('stays where it is if nothing was unpacked, or there is no archive', () => {
    for (const path of [
      join(folder, 'other.asar', 'node_modules', 'model'),
      join(folder, 'app.asar.unpacked', 'node_modules', 'model'),
      join(folder, 'node_modules', 'my.asar-model'),
    ])
      expect(outsideArchive(path)).toBe(path);
  });
});
