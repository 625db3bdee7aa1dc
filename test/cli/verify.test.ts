import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fixture } from '../text/goldens.js';
import { cli, temporaryFolder } from './support.js';

const MODEL = fixture('models/tiny-bert-dense');
const GOLDEN = fixture('goldens/verify/tiny-bert-dense.json');

interface GoldenFile {
  format: string;
  cases: { call: string; texts: string[]; input_ids?: number[][]; embeddings: number[][] }[];
}

interface Report {
  passed: boolean;
  cases: { name: string; passed: boolean; differentIds?: number[]; worstText: number; difference: number }[];
}

describe('embedlane verify', async () => {
  const folder = await temporaryFolder();

  /** The golden with something changed, and the result of comparing the model with it. */
  async function verifyChanged(change: (golden: GoldenFile) => void, ...flags: string[]) {
    const golden = JSON.parse(await readFile(GOLDEN, 'utf8')) as GoldenFile;
    change(golden);
    const file = join(folder, 'golden.json');
    await writeFile(file, JSON.stringify(golden));
    return cli(['verify', MODEL, '--golden', file, ...flags]);
  }

  it('finds that a model computes what Python computes', async () => {
    const { status, stdout, stderr } = await cli(['verify', MODEL, '--golden', GOLDEN]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/ok {4}encode\(prompt=""\): 20 texts, ids equal, cosine 1\.0000000/);
    expect(stdout).toMatch(/ok {4}encode\(prompt_name="passage"\)/);
    expect(stdout).toMatch(/ok {4}encode_query\(\)/);
    expect(stdout).not.toContain('FAIL');
  });

  it('finds the text whose vector is another, and exits with 1', async () => {
    const change = (golden: GoldenFile) => {
      golden.cases[2].embeddings[3][5] += 2e-4;
    };
    const { status, stdout } = await verifyChanged(change, '--json');
    const report = JSON.parse(stdout) as Report;
    expect([status, report.passed]).toEqual([1, false]);
    expect(report.cases.map(({ passed }) => passed)).toEqual(report.cases.map((_, i) => i !== 2));
    expect(report.cases[2].difference).toBeGreaterThan(1e-4);
    expect((await verifyChanged(change, '--max-difference', '1e-3')).status).toBe(0);
    expect((await verifyChanged(change, '--max-difference', '1e-3', '--min-cosine', '1')).status).toBe(1);
  });

  it('finds ids that differ', async () => {
    const { status, stdout } = await verifyChanged(({ cases }) => {
      cases[0].input_ids?.[7].push(3);
    });
    expect(status).toBe(1);
    expect(stdout).toMatch(
      /FAIL {2}encode\(prompt=""\): 20 texts, ids differ in 1 \(first: text 7\), cosine 1\.0000000/,
    );
  });

  it.each<[string, (golden: GoldenFile) => void, RegExp]>([
    [
      'another format',
      (golden) => {
        golden.format = 'x';
      },
      /'embedlane-golden\/1' for format/,
    ],
    [
      'no cases',
      (golden) => {
        golden.cases = [];
      },
      /at least one case/,
    ],
    [
      'an unknown call',
      ({ cases }) => {
        cases[1].call = 'exit';
      },
      /cases\[1\]\.call/,
    ],
    [
      'texts that are none',
      ({ cases }) => {
        cases[0].texts[2] = 7 as never;
      },
      /cases\[0\]\.texts\[2\]/,
    ],
    ['too few vectors', ({ cases }) => cases[0].embeddings.pop(), /20 rows, one per text/],
    ['vectors of unequal width', ({ cases }) => cases[0].embeddings[1].pop(), /cases\[0\]\.embeddings\[1\]/],
    [
      'a vector of text',
      ({ cases }) => {
        cases[0].embeddings[1][2] = 'x' as never;
      },
      /finite number/,
    ],
  ])('refuses a golden with %s', async (_, change, message) => {
    const { status, stdout, stderr } = await verifyChanged(change);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(message);
  });

  it('says what is wrong with files and widths', async () => {
    const missing = await cli(['verify', MODEL, '--golden', join(folder, 'nowhere.json')]);
    expect([missing.status, missing.stderr]).toEqual([1, expect.stringContaining('ERR_IO')]);
    const width = await cli(['verify', fixture('models/tiny-bert-cls'), '--golden', GOLDEN]);
    expect([width.status, width.stderr]).toEqual([1, expect.stringMatching(/16 dimensions.*32/)]);
    expect((await cli(['verify', MODEL])).status).toBe(2);
  });
});
