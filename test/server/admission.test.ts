import { describe, expect, it } from 'vitest';
import { Admission } from '#dist/server/admission.js';

const LIMITS = {
  maxConcurrentRequests: 1024,
  maxQueueTime: 500,
  maxTotalBodyBytes: 1e9,
  maxBodyBytes: 1e6,
};

/** A server that answers one request after the other, and what came of those that were sent to it. */
class Simulation {
  now = 0;
  readonly admission: Admission;
  readonly waits: { sent: number; ms: number }[] = [];
  refused = 0;
  readonly retryAfter = new Set<number>();
  readonly #queue: number[] = [];
  #free = 0;

  constructor(limits: Partial<typeof LIMITS> = {}) {
    this.admission = new Admission({ ...LIMITS, ...limits }, () => this.now);
  }

  /**
   * @param perSecond requests that come, evenly
   * @param capacity requests that the server answers per second
   */
  run(seconds: number, perSecond: number, capacity: number): this {
    const end = this.now + 1000 * seconds;
    for (let next = this.now; next < end; next += 1000 / perSecond) {
      this.#serveUntil(next, capacity);
      this.now = next;
      this.send(1);
    }
    this.#serveUntil(end, capacity);
    this.now = end;
    return this;
  }

  send(count: number): void {
    for (let i = 0; i < count; i++) {
      try {
        this.admission.enter(100);
        this.#queue.push(this.now);
      } catch (error) {
        this.refused++;
        this.retryAfter.add((error as { retryAfter: number }).retryAfter);
      }
    }
  }

  /** Answers the oldest at once, at a time that the caller has set. */
  answer(count: number): void {
    for (const sent of this.#queue.splice(0, count)) {
      this.admission.leave(100, true);
      this.waits.push({ sent, ms: this.now - sent });
    }
  }

  since(start: number): number[] {
    return this.waits.filter(({ sent }) => sent >= start).map(({ ms }) => ms);
  }

  #serveUntil(end: number, capacity: number): void {
    for (;;) {
      const done = Math.max(this.#free, this.#queue[0]) + 1000 / capacity;
      // Also of no request at all.
      if (!(done <= end)) return;
      const sent = this.#queue.shift() as number;
      this.#free = done;
      this.now = done;
      this.admission.leave(100, true);
      this.waits.push({ sent, ms: done - sent });
    }
  }
}

describe('admission by time', () => {
  it('refuses nobody below capacity, nor as many at once as clients may send', () => {
    const server = new Simulation().run(10, 240, 300);
    for (let burst = 0; burst < 5; burst++) {
      server.send(64 - server.admission.requests);
      server.run(2, 100, 300);
    }
    expect(server.refused).toBe(0);
  });

  it.each([
    [300, 5],
    [1000, 5],
    [500, 20],
    [1500, 1.4],
  ])(
    'keeps the wait at %d requests per second, with %d times as many, and does as much as it can',
    (capacity, times) => {
      const server = new Simulation().run(5, 0.8 * capacity, capacity);
      server.run(13, times * capacity, capacity);
      // That it is too much is known after a while, and what came before has to be done.
      const waits = server.since(9000);
      const shortest = Math.max(64 / capacity, 0.5 / 6);
      expect(Math.max(...waits)).toBeLessThan(1.3 * 1000 * shortest);
      // Of the last ones it has not heard yet.
      expect(waits.length / 8.8).toBeGreaterThan(0.98 * capacity);
      expect(Math.max(...server.since(0))).toBeLessThan(Math.max(600, 1.1 * 1000 * (512 / capacity)));
      expect(server.refused / 13).toBeGreaterThan(0.8 * (times - 1) * capacity);
      expect(Math.min(...server.retryAfter)).toBe(1);
      server.run(1, 1, capacity);
      const before = server.refused;
      server.run(5, 0.8 * capacity, capacity);
      expect(server.refused).toBe(before);
    },
  );

  it('lets in what came together after a stall, and would have fitted one by one', () => {
    const server = new Simulation().run(5, 1500, 1000).run(5, 800, 1000);
    server.refused = 0;
    for (let stall = 0; stall < 3; stall++) {
      server.send(400);
      server.run(3, 800, 1000);
    }
    expect(server.refused).toBe(0);
    server.send(600);
    expect(server.refused).toBeGreaterThan(50);
  });

  it('takes a burst again as soon as overload is over', () => {
    const server = new Simulation().run(5, 800, 1000).run(10, 5000, 1000);
    expect(server.admission.requests).toBeLessThan(100);
    server.run(0.2, 100, 1000);
    server.refused = 0;
    server.send(400);
    expect(server.refused).toBe(0);
  });

  it('does not count a queue as overload that is as long as the number of clients who wait for answers', () => {
    const server = new Simulation();
    server.send(200);
    for (let answered = 0; answered < 20_000; answered++) {
      // Now faster, now slower.
      server.now += 1 + 0.5 * Math.sin(answered / 300);
      server.answer(1);
      server.send(1);
    }
    expect(server.refused).toBe(0);
  });

  it('follows a server that becomes slower, or faster', () => {
    const server = new Simulation().run(10, 4000, 1000);
    server.run(10, 4000, 400);
    expect(Math.max(...server.since(14_000))).toBeLessThan(300);
    const start = server.now;
    server.run(10, 4000, 1000);
    expect(server.since(start + 4000).length / 6).toBeGreaterThan(950);
  });

  it('lets 64 in of a server that answers them within a second, and of a slower one as many as that', () => {
    const fast = new Simulation({ maxQueueTime: 10 }).run(30, 200, 100);
    expect(fast.admission.requests).toBeGreaterThanOrEqual(63);
    const slow = new Simulation({ maxQueueTime: 10 }).run(30, 100, 20);
    expect(slow.admission.requests).toBeLessThanOrEqual(21);
    // Of the first ones it could not know.
    expect(Math.max(...slow.since(10_000))).toBeLessThan(1200);
    expect(slow.since(10_000).length / 20).toBeGreaterThan(0.9 * 20);
    slow.run(5, 100, 200);
    slow.refused = 0;
    slow.send(64 - slow.admission.requests);
    expect(slow.refused).toBe(0);
  });

  it('leaves a very slow server some work, and says how long it will take', () => {
    const server = new Simulation({ maxQueueTime: 10 }).run(150, 10, 0.8);
    expect(server.admission.requests).toBeLessThanOrEqual(4);
    expect(server.retryAfter).toContain(5);
    expect(Math.max(...server.since(130_000))).toBeLessThan(5100);
  });

  it('does not count the loading of a model, nor a run of many as the rate of one', () => {
    const server = new Simulation({ maxQueueTime: 10 });
    server.send(64);
    // Ten seconds of loading, then runs of 32 in 400 ms: 80 a second.
    server.now = 10_000;
    for (let run = 0; run < 10; run++) {
      server.now += 400;
      server.answer(32);
      server.send(32);
    }
    expect(server.refused).toBe(0);
  });

  it('never lets more in than there is room for', () => {
    const server = new Simulation({ maxConcurrentRequests: 10 });
    server.send(20);
    expect([server.admission.requests, server.refused]).toEqual([10, 10]);
    const tight = new Simulation({ maxTotalBodyBytes: 250 });
    tight.send(5);
    expect([tight.admission.requests, tight.refused]).toEqual([2, 3]);
    expect(() => tight.admission.enter(2e6)).toThrow(expect.objectContaining({ kind: 'too_large' }));
  });

  it('does not take refusals and failures for work that is done fast', () => {
    const server = new Simulation();
    server.run(5, 2000, 400);
    for (let i = 0; i < 1000; i++) {
      server.now += 1;
      try {
        server.admission.leave(server.admission.enter(100), false);
      } catch {}
    }
    server.refused = 0;
    server.send(512);
    expect(server.refused).toBeGreaterThan(400);
  });
});
