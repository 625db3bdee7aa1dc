import { describe, expect, it } from 'vitest';
import { examplesOf, runExample } from './examples.js';

describe.each([
  'README.md',
  'docs/heads.md',
  'docs/text.md',
  'docs/vectors.md',
  'docs/index.md',
  'docs/runtime.md',
  'docs/server.md',
  'docs/stores.md',
  'docs/adapters.md',
  'docs/static.md',
  'docs/images.md',
  'docs/audio.md',
  'docs/video.md',
])('%s', (name) => {
  const found = examplesOf(name);

  it('has examples', () => {
    expect(found.length).toBeGreaterThan(0);
  });

  it.each(found.map((example, i) => ({ ...example, i })))(
    'example $i prints what it says',
    async ({ code, printed, i }) => {
      expect(await runExample(`${name}-${i}`, code)).toEqual({ stdout: printed, stderr: '', status: 0 });
    },
  );
});
