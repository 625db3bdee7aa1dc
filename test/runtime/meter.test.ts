import { describe, expect, it, vi } from 'vitest';
import { RuntimeMeter } from '#dist/runtime/index.js';
import { RateMeter } from '#dist/runtime/rate-meter.js';

describe('RateMeter', () => {
  function create() {
    const clock = { now: 123_456 };
    return { clock, rate: new RateMeter(() => clock.now) };
  }

  it('is the mean since the beginning, then of the last ten seconds', () => {
    const { clock, rate } = create();
    for (let second = 0; second < 5; second++) {
      rate.add(100);
      clock.now += 1000;
    }
    expect(rate.perSecond()).toBeCloseTo(100);
    for (let second = 0; second < 30; second++) {
      rate.add(700);
      clock.now += 1000;
    }
    // The newest of the ten seconds has not had its share yet.
    expect(rate.perSecond()).toBeGreaterThan(600);
    expect(rate.perSecond()).toBeLessThan(760);
  });

  it('falls to 0 when nothing happens, however long', () => {
    const { clock, rate } = create();
    rate.add(1000);
    expect(rate.perSecond()).toBe(1000);
    clock.now += 5000;
    expect(rate.perSecond()).toBe(200);
    clock.now += 1e9;
    expect(rate.perSecond()).toBe(0);
    rate.add(50);
    expect(rate.perSecond()).toBeGreaterThan(0);
  });
});

describe('RuntimeMeter', () => {
  const current = {
    ...{ waiting: 1, running: 2, shared: 3 },
    cache: { hits: 0, misses: 0, entries: 0, bytes: 0 },
    device: 'cpu' as const,
    lanes: { alive: 1, deaths: 0 },
  };

  it('starts with zeros, and no division by them', () => {
    const stats = new RuntimeMeter(100).stats(current);
    expect(stats).toMatchObject({ ...current, active: 0, texts: 0, paddingRatio: 0, batchFill: 0 });
    expect(stats.latency).toEqual({ count: 0, mean: 0, p50: 0, p95: 0, p99: 0, max: 0 });
  });

  it('tells fill, padding and rate of the runs', () => {
    const meter = new RuntimeMeter(100);
    meter.batch(2, 60, 80);
    meter.batch(1, 20, 20);
    const stats = meter.stats(current);
    expect(stats).toMatchObject({ texts: 3, tokens: 80, paddedTokens: 100, batches: 2 });
    expect([stats.paddingRatio, stats.batchFill]).toEqual([1.25, 0.5]);
    expect(stats.tokensPerSecond).toBeGreaterThan(0);
    expect(stats.tokensPerSecond).toBeLessThanOrEqual(80);
  });

  it('counts latencies of calls that succeed, whatever the clock is set to', async () => {
    const meter = new RuntimeMeter(100);
    vi.useFakeTimers({ toFake: ['Date'] });
    try {
      for (const time of [0, 4e12, 1000]) {
        await meter.call(async () => void vi.setSystemTime(time));
      }
    } finally {
      vi.useRealTimers();
    }
    await expect(meter.call(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    const { active, latency } = meter.stats(current);
    expect([active, latency.count]).toEqual([0, 3]);
    expect(latency.p50).toBeLessThanOrEqual(latency.p99);
    expect(latency.max).toBeLessThan(60_000);
    expect(latency.p50).toBeGreaterThan(0);
  });
});
