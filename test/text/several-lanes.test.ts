import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { RuntimeMeter } from '#dist/runtime/index.js';
import { EncodeJob } from '#dist/text/encode-job.js';
import { TextEmbedder } from '#dist/text/index.js';
import type { EmbedParams, EmbedResult, EmbedRows, SkipParams } from '#dist/text/lane/protocol.js';
import type { EncodePlan } from '#dist/text/options.js';
import type { TextLane, TextLaneCalls } from '#dist/text/text-lane.js';
import { fixture } from './goldens.js';
import { childrenOf, hasProc } from './processes.js';

interface Task {
  window: number;
  texts: string[];
  /** Places that are still to be done. */
  left: number[];
  report(rows: EmbedRows): void;
  resolve(result: EmbedResult): void;
}

/** A lane that does so many characters, window after window, whenever it is told to. */
class SteppedLane implements TextLaneCalls {
  readonly given: number[] = [];
  characters = 0;
  readonly #speed: number;
  #tasks: Task[] = [];
  #time = 0;

  constructor(speed: number) {
    this.#speed = speed;
  }

  get windows(): number {
    return this.#tasks.length;
  }

  call(_: string, params: unknown, report?: (value: never) => void): Promise<EmbedResult> {
    const { window, texts } = params as EmbedParams;
    this.given.push(texts.texts.length);
    return new Promise((resolve) => {
      const left = [...texts.texts.keys()];
      this.#tasks.push({ window, texts: texts.texts, left, report: report as Task['report'], resolve });
    });
  }

  async note(_: string, params: unknown): Promise<void> {
    const { window, texts } = params as SkipParams;
    const task = this.#tasks.find((one) => one.window === window);
    if (task) task.left = task.left.filter((place) => !texts.includes(place));
  }

  step(): void {
    this.#time += this.#speed;
    for (let task = this.#tasks.at(0); task; task = this.#tasks.at(0)) {
      const { texts, left, report, resolve } = task;
      for (let place = left.at(0); place !== undefined; place = left.at(0)) {
        if (texts[place].length > this.#time) return;
        this.#time -= texts[place].length;
        this.characters += texts[place].length;
        left.shift();
        const rows = Uint32Array.of(place);
        report({ rows, data: Float32Array.of(texts[place].length), lengths: rows, tokens: 1, runs: 1 });
      }
      this.#tasks.shift();
      resolve({ unfinished: [] });
    }
    this.#time = 0;
  }
}

interface Shared {
  lanes: SteppedLane[];
  /** Steps until all was done. */
  steps: number;
  /** The row of each text. */
  rows: number[];
}

/** Encodes texts on lanes of these speeds, in characters per step. */
async function encode(texts: string[], speeds: number[]): Promise<Shared> {
  const lanes = speeds.map((speed) => new SteppedLane(speed));
  const size = lanes.length;
  const active = lanes.map(() => 0);
  const run: TextLane['run'] = async (task) => {
    const chosen = active.indexOf(Math.min(...active));
    active[chosen]++;
    return task(lanes[chosen]).finally(() => active[chosen]--);
  };
  const spread: TextLane['spread'] = async (perLane, loop) => {
    await Promise.all(Array.from({ length: perLane * size }, loop));
  };
  const lane = { size, ready: size, run, spread } as TextLane;
  const rows: number[] = [];
  const sink = {
    place: (index: number, row: Float32Array) => {
      rows[index] = row[0];
    },
    finish: () => undefined,
  };
  const settings = { head: 5000, meter: new RuntimeMeter(768) };
  const encoding = new EncodeJob(lane, texts, {} as EncodePlan, sink, settings).run();
  let steps = 0;
  for (await turn(); lanes.some(({ windows }) => windows > 0); await turn()) {
    steps++;
    for (const one of lanes) one.step();
  }
  await encoding;
  return { lanes, steps, rows };
}

const mixed = (count: number) => Array.from({ length: count }, (_, i) => 'x'.repeat(20 + ((i * 7919) % 900)));
const characters = (texts: string[]) => texts.reduce((sum, { length }) => sum + length, 0);

it.each([1, 2, 4])('%i lanes of one speed share a call without doing anything twice', async (size) => {
  for (const texts of [mixed(512), mixed(3000)]) {
    const total = characters(texts);
    const { lanes, steps, rows } = await encode(texts, Array(size).fill(1000));
    expect(rows).toEqual(texts.map(({ length }) => length));
    expect(lanes.reduce((sum, one) => sum + one.characters, 0)).toBe(total);
    expect(steps).toBeLessThan((1.05 * total) / (1000 * size) + 3);
  }
});

it.each([
  [3000, 1000],
  [4000, 4000, 500],
  [5000, 300],
])('lanes of %i, %i… characters a step end together, and none does much in vain', async (...speeds) => {
  const texts = mixed(512);
  const total = characters(texts);
  const { lanes, steps, rows } = await encode(texts, speeds);
  expect(rows).toEqual(texts.map(({ length }) => length));
  const best = total / speeds.reduce((sum, speed) => sum + speed, 0);
  // What is left to the slowest in the end is a run and a quarter, of four characters per token.
  expect(steps).toBeLessThan(1.05 * best + (5 * 768) / Math.min(...speeds));
  expect(lanes.reduce((sum, one) => sum + one.characters, 0)).toBeLessThan(1.02 * total);
});

it('a call that one lane would take at once is shared, unless it is hardly a run', async () => {
  const given = async (count: number, speeds: number[]) =>
    (await encode(Array(count).fill('a short question that somebody asks'), speeds)).lanes.map(
      (one) => one.given,
    );
  expect(await given(64, [1000])).toEqual([[64]]);
  expect(await given(64, [1000, 1000])).toEqual([[32], [32]]);
  expect(await given(5, [1000, 1000])).toEqual([[5], []]);
});

it.skipIf(!hasProc)(
  'a lane that stands still loses its work to the other, and does not do it later',
  async () => {
    const before = new Set(childrenOf(process.pid));
    await using model = await TextEmbedder.load(fixture('models/tiny-bert-cls'), { lanes: 2, threads: 1 });
    const texts = Array.from({ length: 2000 }, (_, i) => `text ${i} of a few more words, as some have`);
    const expected = await model.encode(texts);
    const computed = model.stats().texts;
    const [lane] = childrenOf(process.pid).filter((pid) => !before.has(pid));
    process.kill(lane, 'SIGSTOP');
    const { data } = await model.encode(texts, {
      onProgress({ completed }) {
        // All but a run or so, of which its own window is half.
        if (completed > 1800) process.kill(lane, 'SIGCONT');
      },
    });
    const difference = data.reduce((most, value, i) => Math.max(most, Math.abs(value - expected.data[i])), 0);
    expect(difference).toBeLessThan(1e-5);
    // With its whole window, it would have been 2,900 and more. What it began before it was told is a run or two.
    expect(model.stats().texts - computed).toBeLessThan(2200);
  },
);
