import { describe, expect, it } from 'vitest';
import { fixture } from '../text/goldens.js';
import { TINY, testServer } from './support.js';

const models = [
  TINY,
  ...['tiny-colbert', 'tiny-splade', 'tiny-roberta'].map((name) => fixture(`models/${name}`)),
];
const server = testServer({ models });
const LONG = 'word '.repeat(1000);

describe('clients that want nothing cut', () => {
  // 62 of the model's 64 tokens, without a prompt.
  const FITS = 'a '.repeat(60);
  const DASHSCOPE = '/api/v1/services/embeddings/text-embedding/text-embedding';
  const dashScope = (text_type: string) =>
    server.post(DASHSCOPE, {
      ...{
        model: 'tiny-bert-cls',
        input: { texts: [FITS] },
        parameters: { auto_truncation: false, text_type },
      },
    });

  it('are refused what is too long with the prompt before it', async () => {
    const embed = (path: string, more = {}) => server.post(path, { inputs: FITS, truncate: false, ...more });
    for (const path of ['/embed', '/embed_all']) {
      expect((await embed(path)).status).toBe(200);
      const { status, body } = await embed(path, { prompt_name: 'query' });
      expect([status, body.error]).toEqual([
        422,
        expect.stringMatching(/length is 64 tokens, .* requested \d\d tokens/),
      ]);
    }
    expect((await dashScope('document')).status).toBe(200);
    expect((await dashScope('query')).status).toBe(400);
  });

  it.each([
    ['/embed_all', { model: 'tiny-bert-cls', inputs: LONG, truncate: false }, /maximum context length/],
    ['/embed_all', { model: 'tiny-colbert', inputs: 'a', truncate: false }, /always cuts/],
    ['/embed_all', { model: 'tiny-colbert', inputs: 'a', truncation_direction: 'left' }, /on the right/],
    [
      DASHSCOPE,
      {
        ...{ model: 'tiny-splade', input: { texts: ['a'] } },
        parameters: { auto_truncation: false, output_type: 'sparse' },
      },
      /always cuts/,
    ],
  ])('are told by %s: %j', async (path, request, message) => {
    const { status, body } = await server.post(path, request);
    expect([400, 422]).toContain(status);
    expect(body.error ?? body.message).toMatch(message);
  });
});

describe('/tokenize', () => {
  it('takes tokens of a space for what they are', async () => {
    const request = { model: 'tiny-roberta', inputs: 'a 😀 b' };
    const { body: all } = await server.post('/tokenize', request);
    const { body: bare } = await server.post('/tokenize', { ...request, add_special_tokens: false });
    expect(all[0].filter(({ special }: { special: boolean }) => special)).toEqual([
      { id: 0, text: '<s>', special: true, start: null, stop: null },
      { id: 2, text: '</s>', special: true, start: null, stop: null },
    ]);
    expect(bare[0]).toEqual(all[0].slice(1, -1));
    const ids = bare[0].map(({ id }: { id: number }) => id);
    expect((await server.post('/decode', { model: 'tiny-roberta', ids })).body).toEqual(['a 😀 b']);
  });

  it('puts a prompt before the texts', async () => {
    const [prompted, plain] = [{ prompt_name: 'query' }, {}].map((more) =>
      server.post('/tokenize', { model: 'tiny-bert-cls', inputs: 'a b', add_special_tokens: false, ...more }),
    );
    const prompt = server.model.prompts.query;
    const tokens = (await prompted).body[0];
    const own = (await plain).body[0].map(({ start, stop, ...token }: { start: number; stop: number }) => ({
      ...token,
      ...{ start: start + prompt.length, stop: stop + prompt.length },
    }));
    expect(tokens.length).toBeGreaterThan(own.length);
    expect(tokens.slice(-own.length)).toEqual(own);
    const none = await server.post('/tokenize', { model: 'tiny-bert-cls', inputs: 'a', prompt_name: 'none' });
    expect(none.status).toBe(422);
  });
});
