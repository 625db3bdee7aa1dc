import { type Browser, type HTTPRequest, launch, type Page } from 'puppeteer-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { fixture } from '../text/goldens.js';
import { CHROMIUM } from './chromium.js';
import { TINY, testServer } from './support.js';

const PICTURE = fixture('images/png_tiny_32x32.png');

describe.skipIf(!CHROMIUM)('the playground when something goes wrong', () => {
  const server = testServer({ models: [TINY, fixture('models/tiny-clip')] });
  const locked = testServer({ models: [TINY], apiKeys: ['sk-page'] });
  let browser: Browser;
  let page: Page;
  let crashes: string[];
  /** What happens to a request instead; undefined lets it pass. */
  let fault: ((request: HTTPRequest) => Promise<void> | undefined) | undefined;

  beforeAll(async () => {
    browser = await launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-gpu'] });
  });
  afterAll(() => browser?.close());
  beforeEach(async () => {
    fault = undefined;
    crashes = [];
    page = await browser.newPage();
    page.on('pageerror', (error) => crashes.push(String(error)));
    await page.setRequestInterception(true);
    page.on('request', (request) => void (fault?.(request) ?? request.continue()));
  });
  afterEach(async () => {
    await page.close();
    expect(crashes).toEqual([]);
  });

  const gone = (request: HTTPRequest) => request.abort('connectionrefused');
  const busy = (request: HTTPRequest) =>
    request.respond({
      status: 429,
      contentType: 'application/json',
      headers: { 'retry-after': '7' },
      body: JSON.stringify({ error: { message: 'Too many requests.' } }),
    });
  const textOf = (selector: string) =>
    page.$eval(selector, (node) => (node as unknown as { textContent: string }).textContent);
  const says = (selector: string, words: string) =>
    page.waitForFunction(`document.querySelector('${selector}').textContent.includes('${words}')`);
  const count = async (selector: string) => (await page.$$(selector)).length;
  const type = (value: string) =>
    page.evaluate(
      `(() => { const field = document.querySelector('#texts-input'); field.value = ${JSON.stringify(value)};
        field.dispatchEvent(new Event('input')); })()`,
    );
  const open = async () => {
    await page.goto(server.url);
    await page.waitForSelector('.heat tbody tr:nth-child(6)');
  };
  async function upload(...paths: string[]): Promise<void> {
    const input = await page.$('#files');
    await (input as unknown as { uploadFile(...names: string[]): Promise<void> }).uploadFile(...paths);
  }
  /** Drops files made in the page: [name, type, whether it is a picture]. */
  const drop = (files: [string, string][]) =>
    page.evaluate(
      `(async () => {
        const canvas = document.createElement('canvas');
        canvas.width = canvas.height = 16;
        const picture = await new Promise((resolve) => canvas.toBlob(resolve));
        const dataTransfer = new DataTransfer();
        for (const [name, type] of ${JSON.stringify(files)})
          dataTransfer.items.add(new File([picture], name, { type }));
        document.querySelector('#drop').dispatchEvent(new DragEvent('drop', { dataTransfer }));
      })()`,
    );

  it('shows no table of texts that were not compared', async () => {
    await open();
    fault = gone;
    await type('other\ntexts');
    await says('#texts-status', 'The server does not answer');
    expect(await count('.heat')).toBe(0);
    fault = undefined;
    await type('other\ntexts again');
    await page.waitForSelector('.heat tbody tr:nth-child(2)');
  });

  it('keeps pictures that the server could not embed just now', async () => {
    await open();
    fault = (request) => (request.url().endsWith('/v1/embeddings') ? busy(request) : undefined);
    await upload(PICTURE, fixture('images/jpeg_444.jpg'));
    await says('#pictures-status', 'Too many requests. Pictures that still wait: 2');
    fault = undefined;
    await page.click('#pictures-again');
    await page.waitForFunction("document.querySelectorAll('#pairs li').length === 1");
    expect(await page.$('#pictures-again[hidden]')).not.toBeNull();
  });

  it('embeds each picture once when more come while others are in work', async () => {
    await open();
    const asked: string[] = [];
    fault = (request) => {
      if (request.url().endsWith('/v1/embeddings')) asked.push(request.postData() ?? '');
      return undefined;
    };
    await Promise.all([
      upload(PICTURE),
      upload(fixture('images/jpeg_444.jpg')),
      drop([['c.png', 'image/png']]),
    ]);
    await page.waitForFunction("document.querySelectorAll('#pairs li').length === 3");
    expect(asked.length).toBe(3);
  });

  it('says what of many dropped files it did not take', async () => {
    await open();
    await drop([
      ['notes.txt', 'text/plain'],
      ...Array.from({ length: 66 }, (_, i): [string, string] => [`${i}.png`, 'image/png']),
    ]);
    await says('#pictures-status', '2 of 66 pictures left out: 64 are the most');
    expect(await textOf('#pictures-status')).toContain('notes.txt: not a picture');
    expect(await count('#map image')).toBe(64);
  }, 60_000);

  it('says that a key is wrong', async () => {
    await page.goto(locked.url);
    await page.waitForSelector('#key:not([hidden])');
    expect(await page.$('#key-wrong[hidden]')).not.toBeNull();
    // No header can hold this: the request would fail before it is sent, and no other key could be given.
    await page.type('#key-input', 'ключ');
    await page.click('#key button');
    expect(await page.$('#key:not([hidden]) #key-input:invalid')).not.toBeNull();
    await page.evaluate("document.querySelector('#key-input').value = 'sk-wrong'");
    await page.click('#key button');
    await page.waitForSelector('#key:not([hidden]) #key-wrong:not([hidden])');
    await page.evaluate("document.querySelector('#key-input').value = ' sk-page '");
    await page.click('#key button');
    await page.waitForSelector('.heat tbody tr:nth-child(6)');
  });

  it('writes texts from the right in their direction, and long ones short', async () => {
    await open();
    await type(`שלום עולם\n${'long '.repeat(20_000)}`);
    await page.waitForFunction("document.querySelectorAll('.heat tbody tr').length === 2");
    const direction = (selector: string) =>
      page.evaluate(`getComputedStyle(document.querySelector('${selector}')).direction`);
    expect(await direction('.heat tbody th')).toBe('rtl');
    expect(await direction('#texts-input')).toBe('rtl');
    const size = (await page.evaluate("document.querySelector('.heat').outerHTML.length")) as number;
    expect(size).toBeLessThan(10_000);
  });

  it('fits a narrow screen with long names', async () => {
    await page.setViewport({ width: 340, height: 800 });
    await open();
    await drop([[`${'long'.repeat(50)}.txt`, 'text/plain']]);
    await says('#pictures-status', 'not a picture');
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(340);
  });

  it('shows no figures of a server that is gone', async () => {
    await open();
    await page.waitForFunction("/^\\d/.test(document.querySelector('#figures dd').textContent)");
    fault = gone;
    await page.waitForFunction("document.querySelector('#figures dd').textContent === '–'");
  }, 30_000);

  it('says at /docs that the server does not answer, and keeps what is written when a key is given', async () => {
    await page.goto(`${locked.url}/docs`);
    await page.waitForSelector('details');
    await page.click('summary');
    await page.waitForSelector('details button');
    await page.$eval('details textarea', (input) => {
      (input as unknown as { value: string }).value = '{"model":"tiny-bert-cls","input":"a"}';
    });
    await page.click('details button');
    await says('details pre[role=status]', '401');
    await page.type('#key-input', 'sk-page');
    await page.click('#key button');
    await page.click('details button');
    await says('details pre[role=status]', '200');
    fault = gone;
    await page.click('details button');
    await says('details pre[role=status]', 'The server does not answer');
  });
});
