import { once } from 'node:events';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { outcome } from '../outcome.js';
import { fixture } from '../text/goldens.js';
import { cli, jsonLines, startCli, temporaryFolder } from './support.js';

const TINY_CLIP = fixture('models/tiny-clip');
const TINY = fixture('models/tiny-imgbeddings');
const folder = await temporaryFolder();
const photos = join(folder, 'photos');
await mkdir(join(photos, 'more'), { recursive: true });
for (const [from, to] of [
  ['jpeg_444.jpg', 'cat.jpg'],
  ['jpeg_odd_420.jpg', 'more/cat-small.JPG'],
  ['jpeg_progressive.jpg', 'coffee & <milk>.jpg'],
]) {
  await cp(fixture(`images/${from}`), join(photos, to));
}
await writeFile(join(photos, 'broken.jpg'), '<html>404</html>');
await writeFile(join(photos, 'notes.txt'), 'three pictures');
const index = join(folder, 'index');

interface Answer {
  question: string;
  hits: { rank: number; score: number; file: string }[];
}

describe('embedlane index and search on pictures', () => {
  it('indexes a folder of pictures with the bundled model and leaves out what cannot be read', async () => {
    const result = await cli(['index', photos, '--index', index]);
    expect(result.status).toBe(0);
    expect(result.stdout).toMatch(
      /^3 pictures embedded in .* 1 other files left out.* with efficientnet-lite0/,
    );
    expect(result.stderr).toMatch(/left out: broken\.jpg: .* an HTML page/);
  });

  it('finds pictures by a picture, and writes a contact sheet', async () => {
    const sheet = join(folder, 'out.html');
    const result = await cli([
      'search',
      '--index',
      index,
      '--image',
      join(photos, 'cat.jpg'),
      '--html',
      sheet,
    ]);
    expect(result).toMatchObject({ status: 0, stderr: '' });
    expect(result.stdout).toMatch(/1\. 1\.0000 {2}cat\.jpg\n +2\. 0\.9\d+ {2}more\/cat-small\.JPG\n/);
    const html = await readFile(sheet, 'utf8');
    expect(html.match(/<img src="data:image\/jpeg;base64,/g)).toHaveLength(4);
    expect(html).toContain('coffee &amp; &lt;milk&gt;.jpg');
    expect(html).not.toContain('<milk>');
  });

  it('refuses a contact sheet in place of a folder before it searches', async () => {
    const picture = join(photos, 'cat.jpg');
    const result = await cli(['search', '--index', index, '--image', picture, '--html', folder]);
    expect(result).toMatchObject({ status: 1, stdout: '' });
    expect(result.stderr).toMatch(/a folder \[ERR_IO\]/);
  });

  it('ends with Ctrl-C while its model is on its way', async () => {
    const silent = createServer();
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as AddressInfo;
    const child = startCli(['index', photos, '--index', join(folder, 'never'), '--model', 'org/clip'], {
      ...{ HF_ENDPOINT: `http://127.0.0.1:${port}`, HF_HOME: join(folder, 'hub'), HF_HUB_OFFLINE: '' },
    });
    const ended = outcome(child);
    await once(silent, 'request');
    child.kill('SIGINT');
    expect(await ended).toMatchObject({ code: 130, stdout: '', stderr: 'Interrupted.\n' });
    silent.closeAllConnections();
    silent.close();
  });

  it('prints JSON', async () => {
    const args = ['search', '--index', index, '-k', '2', '--json', '--image', join(photos, 'cat.jpg')];
    const [answer] = jsonLines<Answer>((await cli(args)).stdout);
    expect(answer.hits.map(({ rank, file }) => [rank, file])).toEqual([
      [1, 'cat.jpg'],
      [2, 'more/cat-small.JPG'],
    ]);
  });

  it('says what is needed to search with words', async () => {
    const result = await cli(['search', '--index', index, 'a cat']);
    expect(result).toMatchObject({ status: 2, stdout: '' });
    expect(result.stderr).toMatch(/knows no words; index with a CLIP model/);
    expect((await cli(['search', '--index', index])).stderr).toMatch(/a question or --image/);
  });

  it('searches with words and pictures at once in an index by CLIP', async () => {
    const clip = join(folder, 'clip');
    const made = await cli(['index', photos, '--index', clip, '--model', TINY_CLIP, '--json']);
    expect(jsonLines(made.stdout)[0]).toMatchObject({
      pictures: 3,
      dims: 16,
      others: 1,
      skipped: [{ file: 'broken.jpg' }],
    });
    const args = [
      'search',
      '--index',
      clip,
      '--json',
      '-k',
      '3',
      'a red car',
      '--image',
      join(photos, 'cat.jpg'),
    ];
    const answers = jsonLines<Answer>((await cli(args)).stdout);
    expect(answers.map(({ question }) => question)).toEqual(['a red car', join(photos, 'cat.jpg')]);
    expect(answers.map(({ hits }) => hits.length)).toEqual([3, 3]);
    expect(answers[1].hits[0].file).toBe('cat.jpg');
  });

  it('replaces an index, and tells a damaged one', async () => {
    const own = join(folder, 'own');
    await cli(['index', join(photos, 'more'), '--index', own, '--model', TINY]);
    await cli(['index', join(photos, 'cat.jpg'), '--index', own, '--model', TINY]);
    const args = ['search', '--index', own, '--json', '--image', join(photos, 'cat.jpg')];
    expect(jsonLines<Answer>((await cli(args)).stdout)[0].hits.map(({ file }) => file)).toEqual(['cat.jpg']);
    const manifest = JSON.parse(await readFile(join(own, 'pictures.json'), 'utf8')) as object;
    for (const [content, code] of [
      [JSON.stringify({ ...manifest, rows: 2 }), 'ERR_CORRUPT'],
      [JSON.stringify({ ...manifest, version: 2 }), 'ERR_VERSION'],
      ['null', 'ERR_CORRUPT'],
    ]) {
      await writeFile(join(own, 'pictures.json'), content);
      expect((await cli(args)).stderr).toContain(code);
    }
  });

  it('keeps texts and pictures apart', async () => {
    const texts = join(folder, 'texts');
    await mkdir(texts);
    await writeFile(join(texts, 'a.txt'), 'A text about cats.');
    const result = await cli(['index', texts, '--index', join(folder, 'texts.index')]);
    expect(result.stdout).toMatch(/^1 passages/);
    const search = await cli([
      'search',
      '--index',
      join(folder, 'texts.index'),
      '--image',
      join(photos, 'cat.jpg'),
    ]);
    expect(search).toMatchObject({ status: 2 });
    expect(search.stderr).toMatch(/Expected an index of pictures/);
    const none = await cli(['index', texts, '--model', 'efficientnet-lite0']);
    expect(none).toMatchObject({ status: 2 });
    expect(none.stderr).toMatch(/Expected pictures/);
  });
});
