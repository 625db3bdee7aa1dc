import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import { type Browser, launch, type Page } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ClipEmbedder } from '#dist/index.js';
import { cosine } from '#dist/vectors/index.js';
import { fixture } from '../text/goldens.js';
import { CHROMIUM } from './chromium.js';
import { TINY, testServer } from './support.js';

/** Browsers' modules, as the build copied them. */
const load = (file: string) => import(new URL(`../../dist/server/pages/${file}`, import.meta.url).href);

describe('the arithmetic of the playground', () => {
  /** Deterministic numbers that no direction is special for. */
  const vectors = Array.from({ length: 9 }, (_, row) =>
    Float32Array.from({ length: 40 }, (_, d) => Math.sin(row * 12.9898 + d * 78.233) + (d === 3 ? row : 0)),
  );

  it('finds the principal components', async () => {
    const { principalPlane } = await load('math.js');
    const { points, explained } = principalPlane(vectors);
    const matrix = new Matrix(vectors.map((vector) => Array.from(vector)));
    const centred = matrix.subRowVector(matrix.mean('column'));
    const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(
      centred.transpose().mmul(centred),
      { assumeSymmetric: true },
    );
    const total = realEigenvalues.reduce((sum, value) => sum + value, 0);
    for (const axis of [0, 1]) {
      const column = realEigenvalues.length - 1 - axis;
      expect(explained[axis]).toBeCloseTo(realEigenvalues[column] / total, 6);
      const expected = centred.mmul(eigenvectorMatrix.getColumnVector(column)).to1DArray();
      const actual = points.map((point: number[]) => point[axis]);
      const sign = Math.sign(actual[0] * expected[0]);
      actual.forEach((value: number, i: number) => {
        expect(Math.abs(sign * value - expected[i])).toBeLessThan(1e-4);
      });
    }
  });

  it.each([
    [[]],
    [[[1, 2]]],
    [
      [
        [1, 2],
        [1, 2],
      ],
    ],
    [
      [
        [1, 0],
        [0, 1],
      ],
    ],
  ])('has a plane for %j', async (few) => {
    const { principalPlane } = await load('math.js');
    const { points, explained } = principalPlane(few.map((row) => Float32Array.from(row)));
    expect(points).toHaveLength(few.length);
    for (const number of [...points.flat(), ...explained]) expect(number).toSatisfy(Number.isFinite);
  });

  it('compares as the library does, and pairs the nearest', async () => {
    const math = await load('math.js');
    expect(math.cosine(vectors[0], vectors[1])).toBeCloseTo(cosine(vectors[0], vectors[1]), 6);
    expect(math.cosine([0, 0], [1, 0])).toBe(0);
    const pairs = math.nearestPairs(
      [
        [1, 0],
        [0, 1],
        [2, 0],
        [1, 1],
      ],
      3,
    );
    expect(pairs.map(({ a, b }: { a: number; b: number }) => [a, b])).toEqual([
      [0, 2],
      [0, 3],
      [1, 3],
    ]);
  });
});

describe('the pages', () => {
  const server = testServer({ models: [TINY], apiKeys: ['sk-page'] });

  it.each([
    ['/', 'text/html'],
    ['/docs', 'text/html'],
    ['/assets/main.js', 'text/javascript'],
    ['/assets/style.css', 'text/css'],
  ])('are served at %s without a key, for themselves alone', async (path, type) => {
    const { status, headers } = await server.get(path);
    expect([status, headers.get('content-type')]).toEqual([200, `${type}; charset=utf-8`]);
    expect(headers.get('content-security-policy')).toContain("default-src 'none'");
    const again = await server.get(path, { 'if-none-match': headers.get('etag') as string });
    expect(again.status).toBe(304);
  });

  it('name nothing on other hosts', async () => {
    for (const path of ['/', '/docs']) {
      const { body } = await server.get(path);
      const links = Array.from(body.matchAll(/(?:src|href)="([^"]+)"/g), ([, link]: string[]) => link);
      for (const link of links.filter((link: string) => link.startsWith('/'))) {
        expect((await server.get(link)).status, link).toBe(200);
      }
      expect(links.filter((link: string) => !/^[/#]|^data:,$/.test(link))).toEqual([]);
    }
  });
});

describe.skipIf(!CHROMIUM)('in a browser', () => {
  const models = [TINY, fixture('models/tiny-clip')];
  const server = testServer({ models });
  const locked = testServer({ models: [TINY], apiKeys: ['sk-page'] });
  const pictures = ['png_checker_449x300.png', 'jpeg_420.jpg', 'jpeg_444.jpg', 'webp_lossy.webp'].map(
    (name) => fixture(`images/${name}`),
  );
  let browser: Browser;
  let page: Page;
  const problems: string[] = [];

  beforeAll(async () => {
    // As root, in containers, Chromium's own sandbox cannot start.
    browser = await launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-gpu'] });
    page = await browser.newPage();
    page.on('pageerror', (error) => problems.push(String(error)));
    page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
    page.on('request', (request) => {
      const { protocol, origin } = new URL(request.url());
      if (protocol === 'http:' && origin !== server.url && origin !== locked.url)
        problems.push(request.url());
    });
  });
  afterAll(() => browser?.close());

  const texts = (selector: string) =>
    page.$$eval(selector, (found) => found.map((node) => (node as { textContent: string }).textContent));

  it('draws the heat map of what is typed', async () => {
    await page.goto(server.url);
    await page.waitForSelector('.heat tbody tr:nth-child(6)');
    await page.$eval('#texts-input', (input) => {
      (input as unknown as { value: string }).value = '';
    });
    await page.type('#texts-input', 'a cat\na kitten\n<b>stocks</b>');
    await page.waitForFunction("document.querySelectorAll('.heat tbody tr').length === 3");
    const { data, rows } = await server.model.encode(['a cat', 'a kitten', '<b>stocks</b>']);
    const row = (i: number) => data.subarray((i * data.length) / rows, ((i + 1) * data.length) / rows);
    const expected = [0, 1, 2].flatMap((i) => [0, 1, 2].map((j) => cosine(row(i), row(j)).toFixed(2)));
    expect(await texts('.heat tbody td')).toEqual(expected);
    expect((await texts('.heat tbody th'))[2]).toBe('3. <b>stocks</b>');
  });

  it('shows scores on a narrow screen, and says where there are more texts than it compares', async () => {
    await page.setViewport({ width: 340, height: 800 });
    await page.goto(server.url);
    await page.waitForSelector('.heat tbody tr:nth-child(6)');
    // The first two columns can be seen without scrolling; the rest by mouse or keyboard.
    const [region, column] = await page.evaluate(() => {
      const edges = (selector: string) => {
        const node = (
          globalThis as unknown as {
            document: { querySelector(name: string): { getBoundingClientRect(): { right: number } } };
          }
        ).document.querySelector(selector);
        return node.getBoundingClientRect().right;
      };
      return [edges('#heat-map'), edges('.heat tbody tr:first-child td:nth-of-type(2)')];
    });
    expect(column).toBeLessThanOrEqual(region);
    expect(await page.$eval('#heat-map', (node) => (node as unknown as { tabIndex: number }).tabIndex)).toBe(
      0,
    );
    await page.$eval('#texts-input', (input) => {
      const field = input as unknown as { value: string; dispatchEvent(event: Event): void };
      field.value = Array.from({ length: 43 }, (_, i) => `text ${i}`).join('\n');
      field.dispatchEvent(new Event('input'));
    });
    await page.waitForFunction("document.querySelectorAll('.heat tbody tr').length === 40");
    expect((await texts('#texts-status'))[0]).toMatch(/^The first 40 of 43 texts, /);
    await page.setViewport({ width: 1200, height: 900 });
  });

  it('pairs and maps pictures, and finds them by words', async () => {
    const input = await page.$('#files');
    await (input as unknown as { uploadFile(...paths: string[]): Promise<void> }).uploadFile(...pictures);
    await page.waitForFunction("document.querySelectorAll('#pairs li').length === 6");
    expect(await page.$$('#map image')).toHaveLength(4);
    const [best] = await page.$$eval('#pairs li', (items) =>
      items.map((item) =>
        Array.from(
          (item as unknown as { querySelectorAll(name: string): { alt: string }[] }).querySelectorAll('img'),
          ({ alt }) => alt,
        ),
      ),
    );
    await using clip = await ClipEmbedder.load(models[1]);
    const rows = await clip.encodeImage(pictures);
    const scores = pictures.flatMap((_, a) =>
      pictures
        .slice(a + 1)
        .map((__, i) => ({ a, b: a + 1 + i, score: cosine(rows.row(a), rows.row(a + 1 + i)) })),
    );
    const [{ a, b, score }] = scores.sort((left, right) => right.score - left.score);
    expect(best).toEqual([basename(pictures[a]), basename(pictures[b])]);
    expect((await texts('#pairs li'))[0]).toBe(score.toFixed(3));
    expect(await texts('#map-caption')).toEqual([expect.stringMatching(/^4 pictures .* \d+ % .* \d+ %/)]);
    await page.type('#find-input', 'a chessboard');
    await page.click('#find button');
    await page.waitForFunction("document.querySelectorAll('#found li').length === 4");
    const found = (await texts('#found li')).map(Number);
    expect(found).toEqual([...found].sort((left, right) => right - left));
  });

  it('says which file is no picture and goes on', async () => {
    const input = await page.$('#files');
    await (input as unknown as { uploadFile(...paths: string[]): Promise<void> }).uploadFile(
      fixture('images/SOURCES.json'),
    );
    await page.waitForFunction(
      "document.querySelector('#pictures-status').textContent.includes('SOURCES.json')",
    );
    expect(await page.$$('#map image')).toHaveLength(4);
    // The browser itself reports the refused request.
    expect(problems.splice(0)).toEqual([expect.stringContaining('400')]);
  });

  it('shows live figures', async () => {
    await page.waitForFunction("/^\\d/.test(document.querySelector('#figures dd').textContent)", {
      timeout: 15_000,
    });
    expect(await texts('#figures dt')).toContain('Tokens / s');
  });

  it.each(['light', 'dark'])('can be read in %s colours', async (value) => {
    await page.emulateMediaFeatures([
      { name: 'prefers-color-scheme', value },
      // Colours on their way to others have no contrast to speak of.
      { name: 'prefers-reduced-motion', value: 'reduce' },
    ]);
    const contrasts = (await page.evaluate(
      await readFile(new URL('contrast.js', import.meta.url), 'utf8'),
    )) as [string, number][];
    expect(contrasts.length).toBeGreaterThan(20);
    expect(contrasts.filter(([, contrast]) => contrast < 4.5)).toEqual([]);
  });

  it('names every field and every picture for those who cannot see', async () => {
    const tree = JSON.stringify(await page.accessibility.snapshot());
    for (const name of ['One text per line', 'Model', 'Find by words', 'jpeg_420.jpg', 'Nearest pairs'])
      expect(tree).toContain(name);
    const nameless = await page.$$eval('input, select, textarea, button, img', (nodes) =>
      (
        nodes as unknown as {
          labels?: unknown[];
          ariaLabel?: string;
          alt?: string;
          textContent: string;
          id: string;
        }[]
      )
        .filter(
          ({ labels, ariaLabel, alt, textContent }) =>
            !(labels?.length || ariaLabel || alt || textContent.trim()),
        )
        .map(({ id }) => id),
    );
    expect(nameless).toEqual([]);
  });

  it('asks for a key where the server wants one', async () => {
    await page.goto(locked.url);
    await page.waitForSelector('#key:not([hidden])');
    await page.type('#key-input', 'sk-page');
    await page.click('#key button');
    await page.waitForSelector('.heat tbody tr:nth-child(6)');
    expect(await texts('#pictures-none')).toEqual([expect.stringContaining('No model of this server')]);
    expect(problems.splice(0)).toEqual([expect.stringContaining('401')]);
  });

  it('lists the routes and tries them', async () => {
    await page.goto(`${server.url}/docs`);
    await page.waitForSelector('details');
    expect(await texts('summary code')).toContain('/v2/rerank');
    await page.click('summary');
    await page.waitForSelector('details button');
    await page.$eval('details textarea', (input) => {
      (input as unknown as { value: string }).value = '{"model":"tiny-bert-cls","input":"a"}';
    });
    await page.click('details button');
    await page.waitForFunction(
      "document.querySelector('details pre[role=status]').textContent.startsWith('200')",
    );
  });

  it('asks nothing of other hosts and reports no errors', () => {
    expect(problems).toEqual([]);
  });
});
