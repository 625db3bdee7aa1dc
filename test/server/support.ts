import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll } from 'vitest';
import { createServer, type Server, type ServerOptions } from '#dist/server/index.js';
import { TextEmbedder } from '#dist/text/index.js';
import { fixture } from '../text/goldens.js';

export const TINY = fixture('models/tiny-bert-cls');

export interface Answer {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: the bodies of all dialects
  body: any;
}

export interface TestServer {
  url: string;
  /** The same model in this process, for comparison. */
  model: TextEmbedder;
  /** Posts a body, JSON unless it is text or bytes already. */
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Answer>;
  get(path: string, headers?: Record<string, string>): Promise<Answer>;
}

/** A server with the default model, or the tiny one, for the tests of one file. */
export function testServer(options: ServerOptions = {}): TestServer {
  let server: Server;
  const test = { url: '' } as TestServer;
  beforeAll(async () => {
    [server, test.model] = await Promise.all([
      createServer({ port: 0, ...options }),
      TextEmbedder.load(options.models ? TINY : 'all-MiniLM-L6-v2'),
    ]);
    test.url = server.url;
  });
  afterAll(async () => {
    await Promise.all([server?.close(), test.model?.close()]);
  });
  test.post = (path, body, headers = {}) => send(`${test.url}${path}`, 'POST', headers, body);
  test.get = (path, headers = {}) => send(`${test.url}${path}`, 'GET', headers);
  return test;
}

async function send(
  url: string,
  method: string,
  headers: Record<string, string>,
  body?: unknown,
): Promise<Answer> {
  const raw = typeof body === 'string' || body instanceof Uint8Array || body === undefined;
  const response = await fetch(url, {
    method,
    headers: { ...(raw ? {} : { 'content-type': 'application/json' }), ...headers },
    body: raw ? (body as string | Uint8Array<ArrayBuffer> | undefined) : JSON.stringify(body),
  });
  const text = await response.text();
  const json = response.headers.get('content-type')?.includes('json');
  return { status: response.status, headers: response.headers, body: json ? JSON.parse(text) : text };
}

/** Largest difference between a row of a server's answer and one of the library's. */
export function difference(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  let most = 0;
  for (let i = 0; i < expected.length; i++) most = Math.max(most, Math.abs(actual[i] - expected[i]));
  return most;
}

/** Waits for a condition, however slow the machine is: the test's own time limit ends it. */
export async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await delay(10);
}

/** Value of one of the server's metrics, the first of its labels. */
export async function metric(url: string, name: string): Promise<number | undefined> {
  const metrics = await (await fetch(`${url}/metrics`)).text();
  const value = new RegExp(`^embedlane_${name}(?:\\{.*\\})? (\\S+)$`, 'm').exec(metrics)?.[1];
  return value === undefined ? undefined : Number(value);
}

/** Sends bytes as they are and returns all that comes back. */
export function raw(url: string, request: string | string[], wait = 30_000): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(Number(port), hostname);
    socket.setEncoding('utf8').on('data', (part: string) => {
      answer += part;
    });
    socket.on('close', () => resolve(answer)).on('error', reject);
    socket.setTimeout(wait, () => socket.destroy());
    for (const part of [request].flat()) socket.write(part);
  });
}

/** Tokens that the first model has run when no more come. */
export async function tokensRun(url: string): Promise<number> {
  for (let before = -1; ; ) {
    const now = (await metric(url, 'model_tokens')) ?? 0;
    if (now === before) return now;
    before = now;
    await delay(250);
  }
}
