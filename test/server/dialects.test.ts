import { describe, expect, it } from 'vitest';
import { difference, testServer } from './support.js';

const server = testServer();
const MODEL = 'all-MiniLM-L6-v2';
const SAME = 1e-4;
const length = (row: number[]) => Math.hypot(...row);

describe('Ollama', () => {
  it('embeds at /api/embed, scaled to length 1', async () => {
    const { body } = await server.post('/api/embed', { model: `${MODEL}:latest`, input: ['a cat', 'a dog'] });
    expect(body).toMatchObject({ model: `${MODEL}:latest`, prompt_eval_count: 8 });
    expect(body.total_duration).toBeGreaterThan(0);
    expect(body.load_duration).toBeGreaterThanOrEqual(0);
    expect(body.embeddings).toHaveLength(2);
    for (const row of body.embeddings) expect(length(row)).toBeCloseTo(1, 5);
  });

  it('cuts to dimensions, and ignores more than there are', async () => {
    const cut = await server.post('/api/embed', { model: MODEL, input: 'a', dimensions: 8 });
    expect(cut.body.embeddings[0]).toHaveLength(8);
    expect(length(cut.body.embeddings[0])).toBeCloseTo(1, 5);
    const wide = await server.post('/api/embed', { model: MODEL, input: 'a', dimensions: 100_000 });
    expect(wide.body.embeddings[0]).toHaveLength(384);
  });

  it.each([{}, { input: '' }, { input: [] }, { input: null }])(
    'only loads the model for %j',
    async (input) => {
      const { status, body } = await server.post('/api/embed', { model: MODEL, ...input });
      expect(status).toBe(200);
      expect(body.embeddings).toEqual([]);
    },
  );

  it('refuses what is too long only if asked to', async () => {
    const input = 'word '.repeat(1000);
    expect((await server.post('/api/embed', { model: MODEL, input })).status).toBe(200);
    const { status, body } = await server.post('/api/embed', { model: MODEL, input, truncate: false });
    expect(status).toBe(400);
    expect(body).toEqual({ error: 'the input length exceeds the context length' });
  });

  it('has the old route', async () => {
    const { body } = await server.post('/api/embeddings', { model: MODEL, prompt: 'a cat' });
    expect(difference(body.embedding, (await server.model.encode('a cat')).row(0))).toBeLessThan(SAME);
    expect((await server.post('/api/embeddings', { model: MODEL })).body).toEqual({ embedding: [] });
  });

  it.each<[object | undefined, number, string]>([
    [undefined, 400, 'missing request body'],
    [{ model: 'x', input: 'a' }, 404, "model 'x' not found"],
    [{ model: MODEL, input: [1, 2] }, 400, 'invalid input type: expected a string or a list of strings'],
    [{ model: MODEL, input: 'a', keep_alive: 'soon' }, 400, 'time: invalid duration "soon"'],
    [{ model: MODEL, input: 'a', dimensions: -1 }, 400, 'dimensions must be a positive integer'],
    [{ model: '', input: 'a' }, 400, 'model is required'],
  ])('answers %j with %i', async (request, status, error) => {
    const answer = await server.post('/api/embed', request);
    expect([answer.status, answer.body]).toEqual([status, { error }]);
  });

  it('describes itself and its models', async () => {
    expect((await server.get('/api/version')).body.version).toMatch(/^\d+\.\d+\.\d+/);
    const [listed] = (await server.get('/api/tags')).body.models;
    expect(listed.name).toBe(`${MODEL}:latest`);
    // Its two graphs, float16 and int8; clients print it.
    expect(listed.size).toBeGreaterThan(60e6);
    expect(listed.size).toBeLessThan(80e6);
    expect((await server.get('/api/ps')).body.models).toMatchObject([{ size: listed.size }]);
    const { body } = await server.post('/api/show', { model: MODEL });
    const architecture = body.model_info['general.architecture'];
    expect(body.model_info[`${architecture}.embedding_length`]).toBe(384);
    expect(body.model_info[`${architecture}.context_length`]).toBe(256);
    expect(body.capabilities).toEqual(['embedding']);
    expect((await server.post('/api/show', { model: 'x' })).status).toBe(404);
  });
});

describe('Text Embeddings Inference', () => {
  it('embeds at /embed', async () => {
    const expected = await server.model.encode(['a cat', 'a dog'], { normalize: true });
    const { body } = await server.post('/embed', { inputs: ['a cat', 'a dog'] });
    body.forEach((row: number[], i: number) => {
      expect(difference(row, expected.row(i))).toBeLessThan(SAME);
    });
    expect(
      (await server.post('/embed', { inputs: 'a cat', dimensions: 5, truncate: null })).body[0],
    ).toHaveLength(5);
    const ids = (await server.model.tokenize('a cat'))[0].ids;
    expect((await server.post('/embed', { inputs: [ids] })).body).toHaveLength(1);
  });

  it('takes texts and lists of token ids in one request', async () => {
    const [{ ids }] = await server.model.tokenize('a cat');
    const { body } = await server.post('/embed', { inputs: ['a dog', ids, 'a cat'] });
    expect(body[1]).toEqual(body[2]);
    expect(body[0]).not.toEqual(body[1]);
    const wrong = await server.post('/embed', { inputs: ['a dog', [1.5]] });
    expect([wrong.status, wrong.body.error_type]).toEqual([422, 'Validation']);
    expect(wrong.body.error).toContain('inputs[1]');
  });

  it('counts tokens in a header, since its bodies do not', async () => {
    const { headers } = await server.post('/embed', { inputs: ['a cat', 'a dog'] });
    expect(headers.get('x-compute-tokens')).toBe('8');
    expect(headers.get('x-compute-time')).toMatch(/^\d+$/);
    expect((await server.post('/embed', { inputs: [] })).headers.has('x-compute-tokens')).toBe(false);
    expect((await server.get('/info')).headers.has('x-compute-tokens')).toBe(false);
  });

  it('does not scale cut vectors to length 1 if asked not to', async () => {
    const whole = (await server.post('/embed', { inputs: 'a cat', normalize: false })).body[0];
    const cut = (await server.post('/embed', { inputs: 'a cat', normalize: false, dimensions: 5 })).body[0];
    expect(cut).toEqual(whole.slice(0, 5));
    const scaled = (await server.post('/embed', { inputs: 'a cat', dimensions: 5 })).body[0];
    expect(length(scaled)).toBeCloseTo(1, 5);
  });

  it("embeds at the root, where clients of the Hub's inference endpoints ask", async () => {
    const request = { inputs: ['a cat'], normalize: false };
    expect((await server.post('/', request)).body).toEqual((await server.post('/embed', request)).body);
    expect((await server.post('/', { inputs: [] })).body.error_type).toBe('Empty');
  });

  it('cuts the side that it is told to', async () => {
    const inputs = `${'cat '.repeat(300)}${'dog '.repeat(300)}`;
    const { body } = await server.post('/embed', {
      inputs: [inputs, 'cat', 'dog'],
      truncation_direction: 'left',
    });
    const dot = (a: number[], b: number[]) => a.reduce((sum, value, i) => sum + value * b[i], 0);
    expect(dot(body[0], body[2])).toBeGreaterThan(dot(body[0], body[1]));
  });

  it('has the vectors of all tokens', async () => {
    const { body } = await server.post('/embed_all', { inputs: ['a cat', 'a much longer text '.repeat(20)] });
    const expected = await server.model.encode(['a cat'], { output: 'token' });
    expect(body.map((tokens: number[][]) => tokens.length)).toEqual([4, 82]);
    body[0].forEach((row: number[], i: number) => {
      expect(difference(row, expected[0].row(i))).toBeLessThan(1e-3);
    });
  });

  it('compares at /similarity', async () => {
    const inputs = { source_sentence: 'a cat', sentences: ['a kitten', 'a stock exchange'] };
    const { body } = await server.post('/similarity', { inputs });
    expect(body[0]).toBeGreaterThan(0.7);
    expect(body[1]).toBeLessThan(0.3);
  });

  it('tokenises and decodes', async () => {
    const { body } = await server.post('/tokenize', { inputs: ['embeddings'] });
    expect(body[0].map(({ text }: { text: string }) => text)).toEqual([
      '[CLS]',
      'em',
      'bed',
      'ding',
      's',
      '[SEP]',
    ]);
    expect(body[0][0]).toMatchObject({ id: 101, special: true, start: null });
    expect(body[0][2]).toMatchObject({ special: false, start: 2, stop: 5 });
    const bare = await server.post('/tokenize', { inputs: 'embeddings', add_special_tokens: false });
    expect(bare.body[0]).toHaveLength(4);
    const ids = body[0].map(({ id }: { id: number }) => id);
    expect((await server.post('/decode', { ids })).body).toEqual(['embeddings']);
    expect((await server.post('/decode', { ids: [ids], skip_special_tokens: false })).body[0]).toContain(
      '[CLS]',
    );
  });

  it('describes itself', async () => {
    const { body } = await server.get('/info');
    expect(body).toMatchObject({ model_id: MODEL, max_input_length: 256, max_client_batch_size: 2048 });
    expect((await server.get('/health')).status).toBe(200);
  });

  it.each<[string, unknown, number, string]>([
    ['/embed', { inputs: [] }, 400, 'Empty'],
    ['/embed', { inputs: '' }, 400, 'Empty'],
    ['/embed', { inputs: 'a', normalize: 1 }, 422, 'Validation'],
    ['/embed', { inputs: 'a', dimensions: 0 }, 422, 'Validation'],
    ['/embed', { inputs: 'a', prompt_name: 'x' }, 422, 'Validation'],
    ['/embed', { inputs: 'a', truncation_direction: 'up' }, 422, 'Validation'],
    ['/embed_all', { inputs: [] }, 400, 'Empty'],
    ['/embed', { inputs: 'word '.repeat(500), truncate: false }, 422, 'Validation'],
    ['/embed', {}, 422, 'Validation'],
    ['/similarity', { inputs: { source_sentence: 'a', sentences: [] } }, 400, 'Empty'],
    ['/similarity', { inputs: 'a' }, 422, 'Validation'],
    ['/decode', { ids: ['a'] }, 422, 'Validation'],
    ['/decode', { ids: [] }, 422, 'Validation'],
    ['/nothing', {}, 404, 'NotFound'],
  ])('answers %s %j with %i', async (path, request, status, type) => {
    const answer = await server.post(path, request);
    expect([answer.status, answer.body.error_type]).toEqual([status, type]);
    expect(answer.body.error).toEqual(expect.any(String));
  });
});

describe('DashScope', () => {
  const PATH = '/api/v1/services/embeddings/text-embedding/text-embedding';
  const send = (input: unknown, parameters?: object) =>
    server.post(PATH, { model: MODEL, input, parameters });

  it('embeds', async () => {
    const { body } = await send({ texts: ['a cat', 'a dog'] }, { text_type: 'query', dimension: 16 });
    expect(body.output.embeddings.map(({ text_index }: { text_index: number }) => text_index)).toEqual([
      0, 1,
    ]);
    for (const { embedding } of body.output.embeddings) expect(embedding).toHaveLength(16);
    expect(body.usage).toEqual({ total_tokens: 8 });
    expect(body.request_id).toEqual(expect.any(String));
  });

  it.each<[unknown, object | undefined]>([
    [undefined, undefined],
    [{ texts: [] }, undefined],
    [{ texts: [1] }, undefined],
    [{ texts: ['a'] }, { output_type: 'sparse' }],
    [{ texts: ['a'] }, { text_type: 'poem' }],
    [{ texts: ['a'] }, { dimension: 0 }],
  ])('refuses %j with %j', async (input, parameters) => {
    const { status, body } = await send(input, parameters);
    expect([status, body.code]).toEqual([400, 'InvalidParameter']);
    expect(body).toMatchObject({ message: expect.any(String), request_id: expect.any(String) });
  });

  it('has no other model', async () => {
    const { status, body } = await server.post(PATH, { model: 'text-embedding-v4', input: { texts: ['a'] } });
    expect([status, body.code]).toEqual([404, 'ModelNotFound']);
  });
});
