import { describe, expect, it } from 'vitest';
import { TINY, testServer } from './support.js';

const many = <T>(count: number, item: (i: number) => T) => Array.from({ length: count }, (_, i) => item(i));

describe('large bodies', () => {
  const server = testServer({ models: [TINY] });
  const large = JSON.stringify(many(30_000, (i) => `text ${i}`));

  it.each([
    ['__proto__', `{"model":"m","input":${large},"__proto__":{"x":1}}`],
    ['a large __proto__', `{"model":"m","__proto__":${large},"input":"a"}`],
    ['a spelling of it', `{"model":"m","__pr\\u006fto__":${large},"input":"a"}`],
    ['__proto__ below', `{"model":"m","input":[{"text":"a","__proto__":{"x":1}},${large.slice(1)}}`],
    ['constructor.prototype', `{"model":"m","constructor":{"prototype":${large}},"input":"a"}`],
    ['lists in lists', `{"model":"m","input":${'['.repeat(9e4)}${']'.repeat(9e4)}}`],
    ['no JSON', `{"model":"m","input":${large}`],
  ])('are refused with %s', async (_, body) => {
    const answer = await server.post('/v1/embeddings', body);
    expect(answer.status).toBe(400);
    expect(answer.body.error.message).toBe('The request body is not valid JSON');
    expect(({} as { x?: number }).x).toBeUndefined();
  });

  it('are read as small ones', async () => {
    const input = many(2000, (i) => `${i} ${'word '.repeat(40)}`);
    const { status, body } = await server.post('/v1/embeddings', { model: 'tiny-bert-cls', input });
    expect([status, body.data.length]).toEqual([200, 2000]);
  });
});
