import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { BUNDLED_MODELS, modelPackage } from '#dist/hub/bundled.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

describe('package.json', () => {
  it('exports types first, and files that exist', () => {
    for (const [path, target] of Object.entries<string | Record<string, string>>(manifest.exports)) {
      if (typeof target === 'string') continue;
      expect(Object.keys(target)[0], path).toBe('types');
      for (const file of Object.values(target)) expect(existsSync(join(ROOT, file)), file).toBe(true);
    }
  });

  it('needs no install script and is not built by node-gyp when installed', () => {
    for (const script of ['preinstall', 'install', 'postinstall'])
      expect(manifest.scripts).not.toHaveProperty(script);
    expect(manifest.gypfile).toBe(false);
    expect(manifest.files).not.toContain('binding.gyp');
    expect(manifest.binary).toEqual({ napi_versions: [8] });
  });

  it('has no script that npm runs `prebuild` before, which takes minutes', () => {
    expect(manifest.scripts).toHaveProperty('prebuild');
    expect(manifest.scripts).not.toHaveProperty('build');
  });

  it('lets users of vectors leave out what is large: none of it is a dependency that is always installed', () => {
    for (const name of ['onnxruntime-node', 'tokenizers', 'sharp']) {
      expect(manifest.optionalDependencies).toHaveProperty(name);
      expect(manifest.dependencies).not.toHaveProperty(name);
    }
  });

  it('takes the addon that was built in a checkout along when that is packed', () => {
    const folder = mkdtempSync(join(tmpdir(), 'embedlane-pack-'));
    try {
      for (const file of ['package.json', '.gitignore']) copyFileSync(join(ROOT, file), join(folder, file));
      mkdirSync(join(folder, 'build/Release'), { recursive: true });
      for (const file of ['embedlane.node', 'other.o'])
        writeFileSync(join(folder, 'build/Release', file), '');
      const said = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
        cwd: folder,
        encoding: 'utf8',
        shell: process.platform === 'win32',
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      const paths = JSON.parse(said)[0].files.map(({ path }: { path: string }) => path);
      expect(paths.toSorted()).toEqual(['build/Release/embedlane.node', 'package.json']);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('names the packages of bundled models as the loader does', async () => {
    const { MODEL_PACKAGES } = await import(new URL('../../scripts/package/stage.mjs', import.meta.url).href);
    expect(Object.keys(MODEL_PACKAGES)).toEqual(BUNDLED_MODELS);
    for (const model of BUNDLED_MODELS) expect(MODEL_PACKAGES[model].name).toBe(modelPackage(model));
  });
});

describe('release notes', () => {
  it("are the changelog's section of the version", async () => {
    const { notesOf } = await import(
      new URL('../../scripts/package/release-notes.mjs', import.meta.url).href
    );
    const changelog =
      '# Changelog\n\n## Unreleased\n\n- b\n\n## 1.0.1 (2026-11-30)\n\n- a\n- c\n\n## 1.0.0\n\n- z\n';
    expect(notesOf(changelog, '1.0.1')).toBe('- a\n- c');
    expect(notesOf(changelog, '1.0.0')).toBe('- z');
    expect(notesOf(changelog, '1.0')).toBeUndefined();
    expect(notesOf('## 2.0.0\n\n## 1.0.0\n- a', '2.0.0')).toBeUndefined();
  });
});
