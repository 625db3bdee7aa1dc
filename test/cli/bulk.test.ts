import { readdir, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { fixture } from '../text/goldens.js';
import { modelFolders } from '../text/model-folders.js';
import { cli, jsonLines, startCli, temporaryFolder } from './support.js';

const STATIC = fixture('models/tiny-static');
const TINY = fixture('models/tiny-bert-cls');
const DIMS = 32;

// Each runs the command line several times, as processes of their own.
vi.setConfig({ testTimeout: 120_000 });

let folder: string;
beforeAll(async () => {
  folder = await temporaryFolder();
});

function textOf(i: number): string {
  return `text number ${i} 千里之行 😀 ${'word '.repeat(i % 30)}`;
}

async function writeInput(name: string, rows: number): Promise<string> {
  const path = join(folder, name);
  const lines = Array.from({ length: rows }, (_, i) => JSON.stringify({ text: textOf(i) }));
  await writeFile(path, `${lines.join('\n')}\n`);
  return path;
}

/** Names in the folder that begin with `prefix`. */
async function left(prefix: string): Promise<string[]> {
  return (await readdir(folder)).filter((name) => name.startsWith(prefix)).sort();
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** Starts a job and kills it `ms` after its next checkpoint, or after its start; says whether it was not done before. */
async function killed(
  args: string[],
  out: string,
  ms: number,
  from: 'start' | 'checkpoint',
): Promise<boolean> {
  const checkpoint = () =>
    stat(`${out}.partial.json`).then(
      ({ ino, mtimeMs }) => `${ino} ${mtimeMs}`,
      () => 'none',
    );
  const before = await checkpoint();
  const child = startCli([...args, '--out', out]);
  let ended = false;
  const closed = new Promise<number | null>((resolve) =>
    child.on('close', (code) => {
      ended = true;
      resolve(code);
    }),
  );
  while (from === 'checkpoint' && !ended && (await checkpoint()) === before) await delay(5);
  const timer = setTimeout(() => child.kill('SIGKILL'), ms);
  const code = await closed;
  clearTimeout(timer);
  return code === null;
}

/** Runs a job until its first checkpoint is there, and kills it. */
async function interrupted(args: string[], out: string): Promise<void> {
  const child = startCli([...args, '--out', out, '--batch', '50', '--checkpoint', '0']);
  const closed = new Promise((resolve) => child.on('close', resolve));
  while (!(await exists(`${out}.partial.json`))) await delay(5);
  child.kill('SIGKILL');
  await closed;
  expect(await exists(out)).toBe(false);
}

describe('a job that is killed', () => {
  it.each(['npy', 'jsonl', 'parquet'])(
    'at random moments, again and again, writes the same %s as one that is not',
    async (format) => {
      const input = await writeInput(`killed-${format}.jsonl`, 1500);
      const whole = join(folder, `whole.${format}`);
      const out = join(folder, `killed.${format}`);
      const args = ['embed', input, '--model', TINY, '--batch', '50', '--checkpoint', '0'];
      expect((await cli([...args, '--out', whole])).status).toBe(0);
      let state = 12345;
      let kills = 0;
      for (let round = 0; round < 5 && !(await exists(out)); round++) {
        state = (Math.imul(state, 1103515245) + 12345) >>> 0;
        const from = round === 0 ? 'start' : 'checkpoint';
        if (await killed(args, out, (state >>> 16) % (from === 'start' ? 300 : 60), from)) kills++;
      }
      expect(kills).toBeGreaterThan(0);
      // Goes on to the end; a kill just before that leaves a manifest, which is cleared away.
      expect((await cli([...args, '--out', out])).status).toBe(0);
      const [expected, actual] = await Promise.all([readFile(whole), readFile(out)]);
      expect(actual.equals(expected)).toBe(true);
      expect(await left(`killed.${format}.`)).toEqual([]);
    },
    120_000,
  );

  it('goes on by itself, says so, and computes only what is missing', async () => {
    const input = await writeInput('again.jsonl', 3000);
    const out = join(folder, 'again.npy');
    const args = ['embed', input, '--model', TINY];
    await interrupted(args, out);
    const manifest = JSON.parse(await readFile(`${out}.partial.json`, 'utf8')) as { sink: { texts: number } };
    const { status, stderr } = await cli([...args, '--out', out, '--resume', '--batch', '1000']);
    expect({ status, stderr }).toEqual({
      status: 0,
      stderr: `Going on after ${manifest.sink.texts.toLocaleString('en-US')} texts.\n`,
    });
    const bytes = await readFile(out);
    expect(bytes.length).toBe(128 + 3000 * DIMS * 4);
    expect(await left('again.npy.')).toEqual([]);
  });

  it('by Ctrl-C keeps what is done, and exits with 130', async () => {
    const input = await writeInput('ctrl-c.jsonl', 3000);
    const out = join(folder, 'ctrl-c.npy');
    const child = startCli([
      'embed',
      input,
      '--model',
      TINY,
      '--out',
      out,
      '--batch',
      '50',
      '--checkpoint',
      '0',
    ]);
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    const closed = new Promise((resolve) => child.on('close', resolve));
    while (!(await exists(`${out}.partial.json`))) await delay(5);
    child.kill('SIGINT');
    expect(await closed).toBe(130);
    expect(stderr).toContain('the same command goes on from there');
    expect(await left('ctrl-c.npy')).toContain('ctrl-c.npy.partial');
    expect((await cli(['embed', input, '--model', STATIC, '--out', out, '--no-resume'])).status).toBe(0);
    expect(await left('ctrl-c.npy')).toEqual(['ctrl-c.npy']);
  });
});

describe('a job that is not the same any more', () => {
  const { variant, change } = modelFolders();

  async function refused(args: string[], message: RegExp): Promise<void> {
    const { status, stderr } = await cli(args);
    expect(stderr).toMatch(message);
    expect(stderr).toContain('--no-resume starts again');
    expect(status).toBe(2);
  }

  it('is refused, with what has changed, and left as it is up to its checkpoint', async () => {
    const input = await writeInput('changed.jsonl', 3000);
    const other = await writeInput('other.jsonl', 3000);
    const out = join(folder, 'changed.npy');
    const model = await variant('tiny-bert-cls');
    const args = ['embed', input, '--model', model];
    await interrupted(args, out);
    const partial = await readFile(`${out}.partial`);
    const again = [...args, '--out', out];
    await refused(
      [...again, '--normalize'],
      /same normalize as when .*changed\.npy was begun \(none\) but received true/,
    );
    await refused([...again, '--prompt', 'p: '], /same prompt/);
    await refused([...again, '--truncate-dim', '8'], /same truncateDim/);
    await refused([...again, '--format', 'f32'], /same format/);
    await refused(['embed', other, '--model', model, '--out', out], /same input/);
    await refused(['embed', input, other, '--model', model, '--out', out], /same input/);
    await refused(['embed', input, '--model', STATIC, '--out', out], /same model/);

    const text = await readFile(input, 'utf8');
    // As long as before, and not the same.
    await writeFile(input, text.replace('text number 3 ', 'text number 4 '));
    await refused(again, /same texts in the input/);
    await writeFile(input, text.slice(0, 100_000));
    await refused(again, /same input .*bytes/);
    await writeFile(input, text);

    await change(model, { '1_Pooling/config.json': { pooling_mode: 'mean', embedding_dimension: 32 } });
    await refused(again, /model .*computes something else/);
    await change(model, { '1_Pooling/config.json': { pooling_mode: 'cls', embedding_dimension: 32 } });
    const file = join(model, 'onnx/model.onnx');
    const graph = await readFile(file);
    await writeFile(file, Buffer.concat([graph, Buffer.from([0x72, 0x00])]));
    await refused(again, /same model sha256/);
    await writeFile(file, graph);

    // What came after the last checkpoint may be gone: nobody can go on from there.
    const { sink } = JSON.parse(await readFile(`${out}.partial.json`, 'utf8')) as { sink: { texts: number } };
    const left = await readFile(`${out}.partial`);
    expect(left.length).toBeGreaterThanOrEqual(sink.texts * 32 * 4);
    expect(left.equals(partial.subarray(0, left.length))).toBe(true);
    expect((await cli(again)).status).toBe(0);
  });

  it('is refused if its checkpoint is damaged or of another version, and started again if asked to', async () => {
    const input = await writeInput('damaged.jsonl', 100);
    const out = join(folder, 'damaged.npy');
    const args = ['embed', input, '--model', STATIC, '--out', out];
    for (const [content, code] of [
      ['{"format":', 'ERR_CORRUPT'],
      ['null', 'ERR_CORRUPT'],
      ['{"format":"embedlane-bulk","version":3}', 'ERR_VERSION'],
      ['{"format":"embedlane-bulk","version":2,"sink":{}}', 'ERR_CORRUPT'],
    ]) {
      await writeFile(`${out}.partial.json`, content);
      const { status, stderr } = await cli(args);
      expect([status, stderr]).toEqual([1, expect.stringContaining(`[${code}]`)]);
    }
    expect((await cli([...args, '--no-resume'])).status).toBe(0);
    expect(await left('damaged.npy')).toEqual(['damaged.npy']);
  });

  it('whose rows are gone is refused', async () => {
    const input = await writeInput('gone.jsonl', 3000);
    const out = join(folder, 'gone.npy');
    await interrupted(['embed', input, '--model', TINY], out);
    await writeFile(`${out}.partial`, 'short');
    const args = ['embed', input, '--model', TINY, '--out', out];
    expect((await cli(args)).stderr).toContain('[ERR_CORRUPT]');
    await rm(`${out}.partial`);
    expect((await cli(args)).stderr).toContain('[ERR_IO]');
  });
});

describe('--resume', () => {
  it.each([
    ['nothing was left', ['--out', 'nothing.npy']],
    ['the output is stdout', []],
  ])('is refused when %s', async (_, args) => {
    const input = await writeInput('few.jsonl', 3);
    const options = args.map((arg) => (arg.startsWith('--') ? arg : join(folder, arg)));
    const { status, stderr } = await cli(['embed', input, '--model', STATIC, '--resume', ...options]);
    expect([status, stderr]).toEqual([2, expect.stringContaining('[ERR_INVALID_ARG]')]);
    expect(await left('nothing')).toEqual([]);
  });

  it.each(['two', 'two-anew'])('is refused while another process is at it: %s', async (name) => {
    const input = await writeInput(`${name}.jsonl`, 10_000);
    const out = join(folder, `${name}.npy`);
    const args = ['embed', input, '--model', TINY, '--out', out, '--batch', '50', '--checkpoint', '0'];
    // To start again must not take the lock away from its name.
    const child = startCli(name === 'two' ? args : [...args, '--no-resume']);
    const closed = new Promise((resolve) => child.on('close', resolve));
    while (!(await exists(`${out}.partial.json`))) await delay(5);
    const { status, stderr } = await cli(args);
    child.kill('SIGKILL');
    await closed;
    expect([status, stderr]).toEqual([1, expect.stringContaining('[ERR_LOCKED]')]);
  });
});

describe('Parquet', () => {
  const options = ['--model', STATIC];

  it.each(['none', 'snappy', 'gzip', 'zstd', 'brotli'])('with %s is read', async (codec) => {
    const input = fixture(`parquet/${codec}.parquet`);
    const { status, stdout, stderr } = await cli(['embed', input, ...options]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const rows = jsonLines<{ index: number; text: string }>(stdout);
    expect(rows.map(({ index }) => index)).toEqual(Array.from({ length: 120 }, (_, i) => i));
    expect(rows[77].text).toBe('text number 77, 千里之行 😀 ');
  });

  it('may have the texts in a struct', async () => {
    const input = fixture('parquet/snappy.parquet');
    const { stdout } = await cli(['embed', '--input', input, '--field', 'review.body', ...options]);
    expect(jsonLines(stdout)[119].text).toBe(`text number 119, 千里之行 😀 ${'word '.repeat(0)}`);
  });

  it.each<[string, string[], number, RegExp]>([
    ['has no such column', ['snappy.parquet', '--field', 'body'], 2, /columns id, text, review .*'body'/],
    ['has null in it', ['null.parquet'], 2, /null\.parquet, row 2 but received null/],
    ['has numbers in it', ['snappy.parquet', '--field', 'id'], 2, /row 1 but received/],
    ['is packed in another way', ['lz4.parquet'], 1, /codec/],
  ])('that %s is refused', async (_, [file, ...more], status, message) => {
    const result = await cli(['embed', fixture(`parquet/${file}`), ...more, ...options]);
    expect([result.status, result.stderr]).toEqual([status, expect.stringMatching(message)]);
  });

  it('that is none, cut short or missing is refused', async () => {
    const path = join(folder, 'bad.parquet');
    const whole = await readFile(fixture('parquet/snappy.parquet'));
    for (const bytes of [Buffer.from('no Parquet at all'), whole.subarray(0, 2000), Buffer.alloc(0)]) {
      await writeFile(path, bytes);
      const { status, stderr } = await cli(['embed', '--input', path, ...options]);
      expect([status, stderr]).toEqual([1, expect.stringContaining('[ERR_CORRUPT]')]);
    }
    const missing = await cli(['embed', '--input', join(folder, 'none.parquet'), ...options]);
    expect([missing.status, missing.stderr]).toEqual([1, expect.stringContaining('[ERR_IO]')]);
  });

  it('is written with texts and lists of floats, or without texts', async () => {
    const input = await writeInput('rows.jsonl', 250);
    const [out, npy] = [join(folder, 'rows.parquet'), join(folder, 'rows.npy')];
    const args = ['embed', input, ...options, '--batch', '100'];
    expect((await cli([...args, '--out', out])).status).toBe(0);
    expect((await cli([...args, '--out', npy])).status).toBe(0);
    const rows = await parquetReadObjects({ file: await asyncBufferFromFile(out) });
    const bytes = (await readFile(npy)).subarray(128);
    const values = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
    expect(rows.length).toBe(250);
    rows.forEach((row, i) => {
      expect([row.index, row.text]).toEqual([BigInt(i), textOf(i)]);
      expect(row.embedding).toEqual(Array.from(values.subarray(i * DIMS, (i + 1) * DIMS)));
    });
    expect((await cli([...args, '--out', out, '--no-text'])).status).toBe(0);
    const [row] = await parquetReadObjects({ file: await asyncBufferFromFile(out) });
    expect(Object.keys(row)).toEqual(['index', 'embedding']);
    expect((await cli(['embed', 'x', ...options, '--format', 'parquet'])).status).toBe(2);
    await writeFile(join(folder, 'no.txt'), '');
    expect((await cli(['embed', join(folder, 'no.txt'), ...options, '--out', out])).status).toBe(0);
    expect(await parquetReadObjects({ file: await asyncBufferFromFile(out) })).toEqual([]);
  });
});

describe.skipIf(process.platform === 'win32')('an output that is a link', () => {
  it('is written where the link leads, and resumed there', async () => {
    const input = await writeInput('linked.txt', 3);
    const [link, target] = [join(folder, 'link.npy'), join(folder, 'target')];
    await writeFile(target, 'old');
    await symlink(target, link);
    expect((await cli(['embed', input, '--model', STATIC, '--out', link])).status).toBe(0);
    expect(await readlink(link)).toBe(target);
    expect((await readFile(target)).subarray(1, 6).toString()).toBe('NUMPY');
  });
});

describe('files as arguments', () => {
  it('are read; `-` is stdin', async () => {
    const input = await writeInput('argument.jsonl', 2);
    expect(jsonLines((await cli(['embed', input, '--model', STATIC])).stdout)).toHaveLength(2);
    const { stdout } = await cli(['embed', '-', '--model', STATIC], { input: 'one\ntwo\n' });
    expect(jsonLines(stdout).map(({ text }) => text)).toEqual(['one', 'two']);
  });

  it('that are not there are an error and no texts, but for sentences that end so', async () => {
    const missing = await cli(['embed', 'no-such-file.jsonl', '--model', STATIC]);
    expect(missing).toMatchObject({ status: 1, stdout: '' });
    expect(missing.stderr).toMatch(/no-such-file\.jsonl but there is none.*\[ERR_IO\]/);
    const sentence = await cli(['embed', 'See notes.txt', '--model', STATIC]);
    expect(jsonLines(sentence.stdout)[0].text).toBe('See notes.txt');
  });

  it('of another kind are an error, since their names would be embedded', async () => {
    await writeFile(join(folder, 'data.csv'), 'a,b\n');
    const { status, stdout, stderr } = await cli(['embed', join(folder, 'data.csv'), '--model', STATIC]);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(/data\.csv; --input embeds its lines \[ERR_INVALID_ARG\]/);
  });

  it('are what --field is about', async () => {
    const { status, stderr } = await cli(['embed', 'a text', '--field', 'body', '--model', STATIC]);
    expect([status, stderr]).toEqual([2, expect.stringContaining('with --field but received the text')]);
  });

  it('are refused among texts', async () => {
    const input = await writeInput('among.jsonl', 2);
    const { status, stdout, stderr } = await cli(['embed', input, 'a text', '--model', STATIC]);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain(`${input} is a file`);
  });
});
