import { describe, expect, it } from 'vitest';
import { createServer } from '#dist/server/index.js';
import { TINY, testServer, until } from './support.js';

const MODEL = 'tiny-bert-cls';

it('unloads models that were loaded before listening and that nobody asks for', async () => {
  await using server = await createServer({ models: [TINY], port: 0, keepAlive: 0 });
  await until(async () => {
    const { models } = (await (await fetch(`${server.url}/api/ps`)).json()) as { models: unknown[] };
    return models.length === 0;
  });
});

describe('keep_alive', () => {
  const server = testServer({ models: [TINY] });
  const FOR_EVER = '2318-01-01T00:00:00.000Z';
  const embed = (keep_alive: unknown) => server.post('/api/embed', { model: MODEL, input: 'a', keep_alive });
  const expiry = async (): Promise<string> => (await server.get('/api/ps')).body.models[0].expires_at;

  it.each([1e15, '999999999h', '1e300', -1, '-1m'])('%s is for ever', async (keepAlive) => {
    expect((await embed(keepAlive)).status).toBe(200);
    expect(await expiry()).toBe(FOR_EVER);
  });

  it.each<[unknown, number]>([
    [90, 90_000],
    ['1h30m', 5_400_000],
    ['+1.5h', 5_400_000],
    ['.5m', 30_000],
    ['60000000us', 60_000],
    ['60000000µs', 60_000],
  ])('%j is %i ms', async (keepAlive, milliseconds) => {
    const before = Date.now();
    expect((await embed(keepAlive)).status).toBe(200);
    const expires = Date.parse(await expiry());
    expect(expires).toBeGreaterThanOrEqual(before + milliseconds);
    expect(expires).toBeLessThanOrEqual(Date.now() + milliseconds);
  });

  it.each([
    ['', '""'],
    [[], '"[]"'],
    [true, '"true"'],
    ['5 m', '"5 m"'],
    ['m', '"m"'],
    // In time, too: trying all ways to cut it into digits would take minutes.
    [`${'1'.repeat(1_000_000)}x`, JSON.stringify('1'.repeat(60))],
  ])('%.20j is no duration', async (keepAlive, shown) => {
    const { status, body } = await embed(keepAlive);
    expect([status, body.error]).toEqual([400, `time: invalid duration ${shown}`]);
  });

  it('stays what it is when someone only asks about the model', async () => {
    await embed('1h');
    expect((await server.post('/api/show', { model: MODEL })).status).toBe(200);
    expect((await server.get('/info')).status).toBe(200);
    expect(Date.parse(await expiry())).toBeLessThan(Date.now() + 3_600_001);
  });

  it('is not what too many texts are refused for', async () => {
    const { body } = await server.post('/api/embed', { model: MODEL, input: Array(2049).fill('a') });
    expect(body).toEqual({ error: 'batch size 2049 > maximum allowed batch size 2048' });
  });
});
