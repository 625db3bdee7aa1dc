import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const SRC = fileURLToPath(new URL('../../src', import.meta.url));

/** The layers of docs/design.md: a layer imports only from itself and from those before it. */
const LAYERS = [
  'native',
  'core',
  'vectors',
  'index',
  'files',
  'hub',
  'runtime',
  'text',
  'static',
  'heads',
  'image',
  'clip',
  'audio',
  'clap',
  'video',
  'providers',
  'adapters',
  'server',
  'stores',
  'jobs',
  'cli',
];
/**
 * The binding is typed in terms of errors and reports typed errors, so these two know each other. TextEmbedder.load
 * hands static models over to their own layer, which answers with the lane that it stands in for.
 */
const MUTUAL = new Set(['native → core', 'text → static']);

function layerOf(path: string): string {
  const [first, ...rest] = relative(SRC, path).split(/[\\/]/);
  return rest.length > 0 ? first : 'entry point';
}

const sources = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => join(SRC, name));

describe('architecture', () => {
  it('has only the layers of the design', () => {
    expect(new Set(sources.map(layerOf))).toEqual(
      new Set([...LAYERS.filter((layer) => sources.some((path) => layerOf(path) === layer)), 'entry point']),
    );
  });

  it('lets a layer import only from the layers above it', () => {
    const wrong: string[] = [];
    for (const path of sources) {
      const from = layerOf(path);
      if (from === 'entry point') continue;
      for (const [, target] of readFileSync(path, 'utf8').matchAll(/(?:from |import\()'(\.[^']+)'/g)) {
        const to = layerOf(resolve(dirname(path), target));
        const allowed = LAYERS.indexOf(to) <= LAYERS.indexOf(from) || MUTUAL.has(`${from} → ${to}`);
        if (!LAYERS.includes(to) || !allowed) wrong.push(`${relative(SRC, path)} imports ${to}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('keeps every file small enough for one subject', () => {
    const long = sources.filter((path) => readFileSync(path, 'utf8').split('\n').length > 400);
    expect(long.map((path) => relative(SRC, path))).toEqual([]);
  });
});
