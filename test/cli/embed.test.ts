import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { readVectors } from 'embedlane';
import { beforeAll, describe, expect, it } from 'vitest';
import { outcome } from '../outcome.js';
import { CLI, cli, jsonLines, startCli, temporaryFolder } from './support.js';

interface Row {
  index: number;
  text?: string;
  embedding: number[];
}

let folder: string;
beforeAll(async () => {
  folder = await temporaryFolder();
});

function cosine(a: readonly number[], b: readonly number[]): number {
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    ab += a[i] * b[i];
    aa += a[i] * a[i];
    bb += b[i] * b[i];
  }
  return ab / Math.sqrt(aa * bb);
}

describe('embedlane embed', () => {
  it('prints a JSON line for each text, in order', async () => {
    const { status, stdout, stderr } = await cli(['embed', 'a cat', 'a kitten', 'a stock exchange']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const rows = jsonLines<Row>(stdout);
    expect(rows.map((row) => [row.index, row.text, row.embedding.length])).toEqual([
      [0, 'a cat', 384],
      [1, 'a kitten', 384],
      [2, 'a stock exchange', 384],
    ]);
    const [cat, kitten, exchange] = rows.map((row) => row.embedding);
    expect(cosine(cat, kitten)).toBeGreaterThan(cosine(cat, exchange) + 0.3);
  });

  it('reads lines from stdin, one row a line, blank and last unended lines included', async () => {
    const { status, stdout } = await cli(['embed', '--no-text'], {
      input: 'one\r\n\nthree\u2028still three',
    });
    expect(status).toBe(0);
    const rows = jsonLines<Row>(stdout);
    expect(rows.map((row) => Object.keys(row))).toEqual([
      ['index', 'embedding'],
      ['index', 'embedding'],
      ['index', 'embedding'],
    ]);
    const again = jsonLines<Row>((await cli(['embed', 'three\u2028still three'])).stdout);
    expect(cosine(rows[2].embedding, again[0].embedding)).toBeGreaterThan(0.99999);
  });

  it.skipIf(process.platform === 'win32')(
    'reads a pipe that has a name once, on a terminal too',
    async () => {
      const pipe = join(folder, 'pipe');
      await promisify(execFile)('mkfifo', [pipe]);
      const env = { NODE_OPTIONS: '--import=data:text/javascript,process.stderr.isTTY=true' };
      const [{ status, stdout }] = await Promise.all([
        cli(['embed', '--input', pipe, '--no-text'], { env }),
        writeFile(pipe, 'one\ntwo\n'),
      ]);
      expect(status).toBe(0);
      expect(jsonLines<Row>(stdout).map(({ index }) => index)).toEqual([0, 1]);
    },
  );

  it('ends with Ctrl-C while it waits for a line of stdin', async () => {
    const child = startCli(['embed', '--no-text', '--batch', '1']);
    const ended = outcome(child);
    child.stdin.write('one\n');
    // Its row shows that the next line is waited for.
    await once(child.stdout, 'data');
    child.kill('SIGINT');
    expect(await ended).toMatchObject({ code: 130, signal: null, stderr: 'Interrupted.\n' });
  });

  it('embeds a field of JSON lines into a .npy file that holds the same vectors', async () => {
    const input = join(folder, 'reviews.jsonl');
    const out = join(folder, 'reviews.npy');
    await writeFile(input, '{"review":{"body":"a cat"}}\n\n{"review":{"body":"a kitten"}}\n');
    const { status, stdout, stderr } = await cli([
      'embed',
      '--input',
      input,
      '--field',
      'review.body',
      '--out',
      out,
    ]);
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' });
    const [matrix] = await (async () => {
      const all = [];
      for await (const part of readVectors(out)) all.push(part);
      return all;
    })();
    expect([matrix.rows, matrix.dims]).toEqual([2, 384]);
    const [cat] = jsonLines<Row>((await cli(['embed', 'a cat'])).stdout);
    expect(cosine(Array.from(matrix.row(0)), cat.embedding)).toBeGreaterThan(0.99999);
  });

  it('writes raw floats, cut and normalised as asked', async () => {
    const out = join(folder, 'cut.f32');
    expect((await cli(['embed', 'a cat', '--truncate-dim', '128', '--normalize', '--out', out])).status).toBe(
      0,
    );
    const bytes = await readFile(out);
    expect(bytes.length).toBe(128 * 4);
    const norm = Math.hypot(...Array.from({ length: 128 }, (_, i) => bytes.readFloatLE(4 * i)));
    expect(norm).toBeCloseTo(1, 5);
  });

  it.each([
    ['an option that does not exist', ['embed', 'x', '--dtyp', 'int8']],
    ['a dtype that does not exist', ['embed', 'x', '--dtype', 'int3']],
    ['a dimension of zero', ['embed', 'x', '--truncate-dim', '0']],
    ['texts and --input at once', ['embed', 'x', '--input', 'y']],
    ['.npy on stdout', ['embed', 'x', '--format', 'npy']],
    ['a prompt that the model does not have', ['embed', 'x', '--prompt-name', 'nonesuch']],
  ])('refuses %s with exit code 2 and a message', async (_, args) => {
    const { status, stdout, stderr } = await cli(args);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).not.toContain('    at ');
    expect(stderr.length).toBeGreaterThan(20);
  });

  it('names file and line of a malformed record, and leaves no file behind', async () => {
    const input = join(folder, 'bad.jsonl');
    await writeFile(input, '{"text":"fine"}\n{"text":\n');
    const { status, stderr } = await cli(['embed', '--input', input, '--out', join(folder, 'bad.npy')]);
    expect(status).toBe(2);
    expect(stderr).toContain('bad.jsonl:2');
    expect((await readdir(folder)).filter((name) => name.startsWith('bad.npy'))).toEqual([]);
  });

  it.each(['little', 'big'])('refuses UTF-16, %s-endian', async (order) => {
    const input = join(folder, `${order}.txt`);
    const bytes = Buffer.from('\ufefftext\n', 'utf16le');
    await writeFile(input, order === 'big' ? bytes.swap16() : bytes);
    const { status, stdout, stderr } = await cli(['embed', input]);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain(`Expected UTF-8 text in ${input} but received UTF-16`);
  });

  it('refuses an output without a name before anything is loaded', async () => {
    const { status, stderr } = await cli(['embed', 'x', '--model', 'nonesuch', '--out', '']);
    expect([status, stderr]).toEqual([2, expect.stringContaining('received "" [ERR_INVALID_ARG]')]);
  });

  it('refuses to write to what is no file, before anything is loaded', async () => {
    const { status, stderr } = await cli(['embed', 'x', '--model', 'nonesuch', '--out', folder]);
    expect(status).toBe(1);
    expect(stderr).toContain('received a folder [ERR_IO]');
  });

  it.runIf(process.platform === 'linux')('says so when stdout is full', async () => {
    const { code, stderr } = await outcome(
      spawn('sh', ['-c', '"$0" "$1" similarity a b > /dev/full', process.execPath, CLI], { stdio: 'pipe' }),
    );
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('ENOSPC [ERR_IO]') });
  });

  it('names the output that was asked for when its folder is missing', async () => {
    const lines = join(folder, 'lines-of-a-job.txt');
    await writeFile(lines, 'a\n');
    const out = join(folder, 'nonesuch', 'x.npy');
    const { status, stderr } = await cli(['embed', '--input', lines, '--out', out]);
    expect([status, stderr]).toEqual([1, expect.stringContaining(`at ${out} but received ENOENT [ERR_IO]`)]);
  });

  it('says so when a file or a model is missing', async () => {
    const missing = await cli(['embed', '--input', join(folder, 'nonesuch.txt')]);
    expect([missing.status, missing.stderr]).toEqual([1, expect.stringContaining('[ERR_IO]')]);
    await mkdir(join(folder, 'models', 'mine'), { recursive: true });
    const near = await cli(['embed', 'x', '--model', 'models/mine'], {
      cwd: folder,
      env: { HF_HUB_OFFLINE: '1' },
    });
    expect([near.status, near.stderr]).toEqual([
      1,
      expect.stringContaining("the folder here is './models/mine' [ERR_MODEL"),
    ]);
    const model = await cli(['embed', 'x', '--model', 'nonesuch']);
    expect([model.status, model.stderr]).toEqual([1, expect.stringContaining('[ERR_MODEL_NOT_FOUND]')]);
  });
});
