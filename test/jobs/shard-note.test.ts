import { describe, expect, it } from 'vitest';
import {
  afterDeath,
  afterKillers,
  afterRows,
  endOfRows,
  isKiller,
  isSuspect,
  newNote,
  type ShardNote,
} from '#dist/jobs/shard-note.js';
import { Turns } from '#dist/jobs/turns.js';

const ROWS = 512;

/** Does a shard some of whose rows end their workers; returns how many ended. */
function work(killers: ReadonlySet<number>, chance = () => false): { note: ShardNote; deaths: number } {
  let note = newNote(ROWS);
  let deaths = 0;
  while (note.at < ROWS) {
    if (isKiller(note)) {
      const aside = [{ place: String(note.at), code: 'ERR_WORKER', message: '' } as const];
      note = afterKillers(note, note.at + 1, aside);
      continue;
    }
    const count = endOfRows(note) - note.at;
    const dies = Array.from({ length: count }, (_, i) => killers.has(note.at + i)).some(Boolean);
    if (dies || chance()) {
      deaths++;
      note = afterDeath({ ...note, doing: 'rows' });
    } else note = afterRows(note, { stored: count, aside: [] });
  }
  return { note, deaths };
}

describe('the note of a shard', () => {
  it.each([[[]], [[0]], [[511]], [[200]], [[7, 8]], [[0, 100, 101, 300, 511]]])(
    'leads to the rows %j that end workers, and to no others',
    (killers) => {
      const { note, deaths } = work(new Set(killers));
      expect(note.aside.map(({ place }) => Number(place))).toEqual(killers);
      expect(note.stored).toBe(ROWS - killers.length);
      expect(deaths).toBeLessThanOrEqual(5 * killers.length);
    },
  );

  it('blames no row for workers that end now and then for another reason', () => {
    let step = 0;
    const { note } = work(new Set([300]), () => ++step % 3 === 0);
    expect(note.aside.map(({ place }) => place)).toEqual(['300']);
  });

  it('tells workers that end while they decode a row from those that embed it', () => {
    const one = newNote(1);
    const decoding = afterDeath({ ...one, doing: 'decoding' });
    expect([decoding.killed, decoding.decoding, isKiller(decoding)]).toEqual([1, true, false]);
    const embedding = afterDeath({ ...decoding, doing: 'rows' });
    expect([embedding.killed, embedding.decoding, isKiller(embedding)]).toEqual([1, false, false]);
    const again = afterDeath({ ...decoding, doing: 'decoding' });
    expect([again.killed, again.decoding, isKiller(again)]).toEqual([2, true, true]);
  });

  it('goes on behind a page that was set aside', () => {
    let note = newNote(ROWS);
    for (let i = 0; i < 3; i++) note = afterDeath({ ...note, doing: 'decoding' });
    expect(endOfRows(note)).toBe(1);
    note = afterKillers(note, 100, []);
    expect(note).toMatchObject({ at: 100, killers: 1, killed: 0, decoding: false });
    // Still among all rows, one of which ended a worker: 64 at a time.
    expect(endOfRows(note)).toBe(164);
  });

  it('knows a worker that ended before it came to the rows', () => {
    const opening = afterDeath({ ...newNote(ROWS), doing: 'opening' });
    expect(opening).toMatchObject({ opened: 1, groups: newNote(ROWS).groups, doing: 'nothing' });
    expect(isSuspect(opening)).toBe(true);
    expect(afterDeath(opening)).toEqual(opening);
    expect(afterRows(opening, { stored: ROWS, aside: [] }).opened).toBe(0);
    expect(isSuspect(newNote(ROWS))).toBe(false);
  });
});

describe('turns', () => {
  it('lets work go on side by side, but for what has to be alone', async () => {
    const turns = new Turns();
    const log: string[] = [];
    const release: (() => void)[] = [];
    const step = (name: string) => async () => {
      log.push(`+${name}`);
      await new Promise<void>((resolve) => release.push(resolve));
      log.push(`-${name}`);
      if (name === 'b') throw new Error(name);
    };
    const all = [
      turns.beside(step('a')),
      turns.beside(step('b')),
      turns.alone(step('c')),
      turns.beside(step('d')),
      turns.beside(step('e')),
    ];
    const settled = Promise.allSettled(all);
    const turn = () => new Promise((resolve) => setImmediate(resolve));
    for (const expected of ['+a+b', '+a+b-a', '+a+b-a-b+c', '+a+b-a-b+c-c+d+e']) {
      await turn();
      expect(log.join('')).toBe(expected);
      release.shift()?.();
    }
    await turn();
    release.shift()?.();
    expect((await settled).map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
      'fulfilled',
    ]);
  });
});
