import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeEach } from 'vitest';
import { OpenAIEmbedder } from '#dist/providers/index.js';

/** What the tests look at in the bodies of all dialects together. */
export interface SeenBody {
  model: string;
  input: string[] & { texts: string[] };
  inputs: string[];
  texts: string[];
  prompt: string;
  parameters: object;
  encoding_format: string;
  input_type: string;
  task: string;
}

export interface Seen {
  method: string;
  path: string;
  headers: IncomingMessage['headers'];
  body: SeenBody;
}

export interface FakeHost {
  url: string;
  /** Requests so far. */
  seen: Seen[];
  /** Called for each request; replace it in a test. */
  answer(request: Seen, response: ServerResponse): void;
}

/** A host that records what it is sent and answers as the test says. Closed after the file's tests. */
export async function fakeHost(): Promise<FakeHost> {
  const host: FakeHost = { url: '', seen: [], answer: (_, response) => response.end('{}') };
  const listener: RequestListener = async (request, response) => {
    let text = '';
    for await (const part of request) text += part;
    const { method = '', url: path = '', headers } = request;
    const seen = { method, path, headers, body: text === '' ? undefined : JSON.parse(text) };
    host.seen.push(seen);
    host.answer(seen, response);
  };
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  host.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });
  return host;
}

export function json(response: ServerResponse, body: unknown, status = 200, headers = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}

/** A vector that says which text it belongs to. */
export function vectorOf(text: string, dims = 3): number[] {
  return Array.from({ length: dims }, (_, d) => text.length + d / 8);
}

/** A host that answers as OpenAI does, unless a test says otherwise, and a model that asks it once. */
export async function openAIHost() {
  const host = await fakeHost();
  beforeEach(() => {
    host.seen.length = 0;
    host.answer = ({ body }, response) =>
      json(response, {
        object: 'list',
        data: body.input.map((text: string, index: number) => ({ index, embedding: vectorOf(text) })),
      });
  });
  const create = (options = {}) =>
    new OpenAIEmbedder({
      baseURL: `${host.url}/v1`,
      apiKey: 'sk-secret',
      model: 'm',
      maxRetries: 0,
      ...options,
    });
  return { host, create };
}
