import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { abortError } from '#dist/core/abort.js';
import { Deadline, optionalTimeout, withDeadline } from '#dist/core/deadline.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('Deadline', () => {
  it('is the signal of the caller where there is no limit', () => {
    const { signal } = new AbortController();
    expect(new Deadline(signal, undefined).signal).toBe(signal);
    expect(new Deadline(undefined, undefined).signal).toBeUndefined();
  });

  it('fires with ERR_TIMEOUT when the time is up', () => {
    const { signal } = new Deadline(undefined, 100);
    vi.advanceTimersByTime(99);
    expect(signal?.aborted).toBe(false);
    vi.advanceTimersByTime(1);
    expect(abortError(signal as AbortSignal)).toMatchObject({
      code: 'ERR_TIMEOUT',
      message: expect.stringContaining('within 100 ms'),
    });
  });

  it('fires with ERR_ABORTED and the reason when the caller aborts first, or had before', () => {
    const reason = new Error('mine');
    const stop = new AbortController();
    const { signal } = new Deadline(stop.signal, 100);
    stop.abort(reason);
    vi.advanceTimersByTime(1000);
    const late = new Deadline(stop.signal, 100);
    for (const aborted of [signal, late.signal]) {
      expect(abortError(aborted as AbortSignal)).toMatchObject({ code: 'ERR_ABORTED', cause: reason });
    }
  });

  it('leaves nothing behind when the call is over', () => {
    const stop = new AbortController();
    const remove = vi.spyOn(stop.signal, 'removeEventListener');
    const deadline = new Deadline(stop.signal, 100);
    expect(vi.getTimerCount()).toBe(1);
    deadline.end();
    expect([vi.getTimerCount(), remove.mock.calls.length]).toEqual([0, 1]);
    vi.advanceTimersByTime(1000);
    stop.abort();
    expect(deadline.signal?.aborted).toBe(false);
  });

  it('does not look at the clock', () => {
    const { signal } = new Deadline(undefined, 100);
    vi.setSystemTime(Date.now() + 86_400_000);
    expect(signal?.aborted).toBe(false);
    vi.setSystemTime(0);
    vi.advanceTimersByTime(100);
    expect(signal?.aborted).toBe(true);
  });

  it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31, '5s', null])('refuses %j', (value) => {
    expect(() => optionalTimeout('timeout', value)).toThrowError(
      expect.objectContaining({ code: 'ERR_INVALID_ARG' }),
    );
  });
});

describe('withDeadline', () => {
  const waiting = (signal: AbortSignal | undefined) =>
    new Promise<never>((_, reject) => {
      signal?.addEventListener('abort', () => reject(abortError(signal)));
    });

  it('ends work that takes too long, and no timer outlives it', async () => {
    const late = withDeadline({ signal: undefined, timeout: 100 }, waiting);
    const refused = expect(late).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
    await vi.advanceTimersByTimeAsync(100);
    await refused;
    expect(await withDeadline({ signal: undefined, timeout: 100 }, async () => 1)).toBe(1);
    expect(vi.getTimerCount()).toBe(0);
  });
});
