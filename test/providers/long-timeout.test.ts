import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { openAIHost } from './support.js';

const { host, create } = await openAIHost();

// Before the first request of the process: the HTTP client's own timers are those of that moment.
beforeAll(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterAll(() => {
  vi.useRealTimers();
});

it('waits for an answer as long as it is told to, also beyond five minutes', async () => {
  let answer = () => {};
  const fine = host.answer;
  host.answer = (request, response) => {
    answer = () => fine(request, response);
  };
  await using model = create({ timeout: 900_000 });
  const pending = model.encode('abc');
  pending.catch(() => {});
  while (host.seen.length === 0) await turn();
  for (let minute = 0; minute < 10; minute++) await vi.advanceTimersByTimeAsync(60_000);
  answer();
  expect((await pending).rows).toBe(1);
});
