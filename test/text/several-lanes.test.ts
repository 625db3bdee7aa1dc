import { expect, it } from 'vitest';
import { RuntimeMeter } from '#dist/runtime/index.js';
import { EncodeJob } from '#dist/text/encode-job.js';
import type { EmbedParams } from '#dist/text/lane/protocol.js';
import type { EncodePlan } from '#dist/text/options.js';
import type { TextLane, TextLaneCalls } from '#dist/text/text-lane.js';

/** How many texts each call of a lane is given, when there are so many lanes. */
async function shares(size: number, texts: number): Promise<number[]> {
  const given: number[] = [];
  const calls: TextLaneCalls = {
    call: async (_, params) => {
      given.push((params as EmbedParams).texts.texts.length);
      return { unfinished: [] };
    },
    note: async () => {},
  };
  const spread: TextLane['spread'] = async (perLane, loop) => {
    await Promise.all(Array.from({ length: perLane * size }, loop));
  };
  const lane = { size, run: (task) => task(calls), spread } as TextLane;
  const sink = { place() {}, finish: () => undefined };
  const list = Array.from(
    { length: texts },
    (_, i) => `text number ${i} of a few words, as many as a short question has`,
  );
  await new EncodeJob(lane, list, {} as EncodePlan, sink, 100, new RuntimeMeter(1024)).run();
  return given;
}

it('a call that one lane would take at once is shared among several', async () => {
  expect(await shares(1, 512)).toEqual([512]);
  for (const texts of [512, 2500]) {
    const given = await shares(2, texts);
    expect(given.reduce((sum, count) => sum + count, 0)).toBe(texts);
    expect(given.length).toBeGreaterThanOrEqual(4);
    // More than half of it in one lane's hands would leave nothing for the other.
    expect(Math.max(...given)).toBeLessThan(texts / 2);
  }
  expect(await shares(2, 5)).toEqual([5]);
});
