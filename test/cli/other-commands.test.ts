import { describe, expect, it } from 'vitest';
import { outcome } from '../outcome.js';
import { cli, startCli } from './support.js';

describe('embedlane similarity', () => {
  it('prints one number for two texts', async () => {
    const { status, stdout, stderr } = await cli(['similarity', 'a cat', 'a kitten']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(Number(stdout)).toBeGreaterThan(0.7);
    expect(Number(stdout)).toBeLessThan(0.9);
  });

  it('compares one text with several, for machines as JSON', async () => {
    const { stdout } = await cli(['similarity', 'a cat', 'a cat', 'a stock exchange', '--json']);
    const { scores } = JSON.parse(stdout) as { scores: number[] };
    expect(scores[0]).toBeCloseTo(1, 5);
    expect(scores[1]).toBeLessThan(0.4);
  });
});

describe('embedlane doctor', () => {
  it('finds a healthy install', async () => {
    const { status, stdout, stderr } = await cli(['doctor', '--json']);
    const report = JSON.parse(stdout) as { healthy: boolean; findings: { name: string; ok: boolean }[] };
    expect({ status, stderr, healthy: report.healthy }).toEqual({ status: 0, stderr: '', healthy: true });
    expect(report.findings.map((finding) => finding.name)).toEqual(
      expect.arrayContaining([
        'node',
        'vector kernels',
        'onnxruntime-node',
        'tokenizers',
        'all-MiniLM-L6-v2',
      ]),
    );
  });
});

describe('embedlane', () => {
  it.each([
    [['search', '--json', '-k', '0', 'x'], /-k, --k <n>.*invalid/],
    [['similarity', '--json', 'a'], /missing required argument 'b'/],
    [['doctor', '--json', '--jsn'], /unknown option '--jsn'/],
  ])('%j tells wrong usage as one JSON object', async (args, expected) => {
    const { status, stdout, stderr } = await cli(args);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(JSON.parse(stderr)).toEqual({
      error: { code: 'ERR_INVALID_ARG', message: expect.stringMatching(expected) },
    });
  });

  it.each([[['--help']], [['help', 'search']], [['embed', '--help']], [['--version']]])(
    '%j exits with 0',
    async (args) => {
      const { status, stdout, stderr } = await cli(args);
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      expect(stdout).not.toBe('');
    },
  );

  it.each(['embed', 'index', 'search', 'similarity', 'pull', 'models', 'verify', 'doctor'])(
    '%s --help shows examples',
    async (command) => {
      expect((await cli([command, '--help'])).stdout).toContain(`$ embedlane ${command}`);
    },
  );

  it.each([[['nonesuch']], [['search']], [['similarity', 'only one']]])(
    '%j is wrong usage: exit 2',
    async (args) => {
      const { status, stdout } = await cli(args);
      expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    },
  );

  it('is silent when its reader goes away', async () => {
    const child = startCli(['embed', ...Array.from({ length: 64 }, (_, i) => `text ${i}`)]);
    let stderr = '';
    child.stderr.on('data', (text) => {
      stderr += text;
    });
    child.stdout.destroy();
    child.stdin.end();
    const status = await new Promise((resolve) => child.on('close', resolve));
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  it('reports errors as JSON where JSON was asked for', async () => {
    const { stderr } = await cli(['search', 'x', '--index', '/nonesuch', '--json']);
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'ERR_IO' } });
  });
});

describe('embedlane bench vectors', () => {
  it('prints speeds and their share of the limits, for machines as JSON', async () => {
    const { status, stdout, stderr } = await cli([
      'bench',
      'vectors',
      '--rows',
      '500',
      '--dims',
      '16',
      '--dtypes',
      'u8,f32',
      '--json',
    ]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const { limits, results } = JSON.parse(stdout) as {
      limits: { gops: Record<string, number | undefined>; gbps: number };
      results: {
        dtype: string;
        queries: number;
        milliseconds: number;
        gops: number;
        gbps: number;
        share: number;
        speedup: number;
      }[];
    };
    expect(limits.gops.f32).toBeGreaterThan(0);
    expect(limits.gbps).toBeGreaterThan(0);
    expect(results.map(({ dtype, queries }) => `${dtype} ${queries}`)).toEqual(
      ['f32', 'u8'].flatMap((dtype) => [1, 32, 256].map((queries) => `${dtype} ${queries}`)),
    );
    for (const [i, { dtype, queries, milliseconds, gops, gbps, share, speedup }] of results.entries()) {
      expect(gops * milliseconds * 1e6).toBeCloseTo(2 * 500 * 16 * queries, 3);
      expect(gbps * milliseconds * 1e6).toBeCloseTo(500 * 16 * (dtype === 'u8' ? 1 : 4), 3);
      expect(share).toBeCloseTo(Math.max(gops / (limits.gops[dtype] ?? Infinity), gbps / limits.gbps), 10);
      if (dtype === 'f32') expect(speedup).toBeUndefined();
      else expect(speedup).toBeCloseTo(results[i % 3].milliseconds / milliseconds, 10);
    }
  });

  it('ends with Ctrl-C while it makes its vectors', async () => {
    const child = startCli(['bench', 'vectors', '--rows', '2000000', '--dims', '512', '--dtypes', 'f32']);
    const ended = outcome(child);
    // Making them took more than a minute, in which nothing got through.
    const timer = setTimeout(() => child.kill('SIGINT'), 3000);
    const { code } = await ended;
    clearTimeout(timer);
    expect(code).toBe(130);
  }, 15_000);

  it('names vectors that no memory holds', async () => {
    const { status, stderr } = await cli(['bench', 'vectors', '--rows', '100000000', '--dims', '65536']);
    expect([status, stderr]).toEqual([2, expect.stringMatching(/100000000 × 65536 .*\[ERR_INVALID_ARG\]/)]);
  });

  it('refuses sizes that are none', async () => {
    const { status, stderr } = await cli(['bench', 'vectors', '--rows', '0']);
    expect(status).toBe(2);
    expect(stderr).toContain('Expected an integer between 1 and 100000000');
  });

  it('refuses elements that are none', async () => {
    const { status, stderr } = await cli(['bench', 'vectors', '--dtypes', 'f32,f64']);
    expect(status).toBe(2);
    expect(stderr).toContain("received 'f64'");
  });
});
