import { describe, expect, it } from 'vitest';
import { metric, raw, TINY, testServer, until } from './support.js';

const MODEL = 'tiny-bert-cls';
const server = testServer({ models: [TINY], requestTimeout: 1500 });

function request(inputs: number): string {
  const input = Array.from({ length: inputs }, (_, i) => `text ${i}`);
  const body = JSON.stringify({ model: MODEL, input });
  return `POST /v1/embeddings HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
}

const HEALTH = 'GET /health HTTP/1.1\r\nhost: x\r\n\r\n';
const GARBAGE = 'no HTTP at all\r\n\r\n';
const CHUNKED = 'POST /v1/embeddings HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n';

/** Answers in the order in which they came, by their lengths. */
function answersOf(bytes: string): { status: number; body: string }[] {
  const answers = [];
  for (let rest = bytes; rest.length > 0; ) {
    const end = rest.indexOf('\r\n\r\n') + 4;
    const head = rest.slice(0, end);
    const length = Number(/content-length: (\d+)/i.exec(head)?.[1]);
    answers.push({ status: Number(head.split(' ')[1]), body: rest.slice(end, end + length) });
    rest = rest.slice(end + length);
  }
  return answers;
}

const statusesOf = async (...parts: string[]) =>
  answersOf(await raw(server.url, parts)).map(({ status }) => status);

describe('a client that pipelines, and then', () => {
  it('sends garbage, gets all answers to what came before, whole, then 400', async () => {
    const answers = answersOf(await raw(server.url, request(300) + HEALTH + request(2) + GARBAGE));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 400]);
    expect(JSON.parse(answers[0].body).data).toHaveLength(300);
    expect(JSON.parse(answers[2].body).data).toHaveLength(2);
  });

  it('goes on with garbage, is told once', async () => {
    const garbage = Array.from({ length: 50 }, () => GARBAGE);
    expect(await statusesOf(request(300), ...garbage)).toEqual([200, 400]);
  });

  it('sends a body that is none, gets the answer to what came before, then 400', async () => {
    expect(await statusesOf(request(300) + CHUNKED, 'no length\r\n')).toEqual([200, 400]);
  });

  it('sends headers that are too large, gets the answer to what came before, then 431', async () => {
    const large = `GET /health HTTP/1.1\r\nhost: x\r\nx-large: ${'x'.repeat(20_000)}\r\n\r\n`;
    expect(await statusesOf(request(300) + large)).toEqual([200, 431]);
  });

  it('sends no more of a body, gets the answer to what came before, then 408', async () => {
    const slow = 'POST /v1/embeddings HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{"mod';
    expect(await statusesOf(HEALTH + request(2) + slow)).toEqual([200, 200, 408]);
  });
});

it('refuses garbage and broken bodies at once where nothing came before', async () => {
  expect(await statusesOf(GARBAGE)).toEqual([400]);
  expect(await statusesOf(CHUNKED, 'no length\r\n')).toEqual([400]);
});

it('has nothing in progress when such connections have ended', async () => {
  await until(async () => (await metric(server.url, 'requests_active')) === 0);
});
