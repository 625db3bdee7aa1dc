import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

export interface Model {
  files: Record<string, Buffer>;
  /** Bearer token without which the repository does not exist, as far as a stranger can tell. */
  token?: string;
  /** Whether its terms have not been accepted. */
  gated?: boolean;
}

export interface Seen {
  host: 'hub' | 'cdn';
  method: string;
  /** Path without the query. */
  path: string;
  headers: IncomingMessage['headers'];
}

/** What goes wrong with one answer. */
export interface Fault {
  status?: number;
  headers?: Record<string, string>;
  /** Bytes of the body after which the connection is cut. */
  cutAfter?: number;
  /** Answers with all of it, status 200, whatever range was asked for. */
  ignoreRange?: boolean;
  /** Sends other bytes. */
  body?: Buffer;
  /** Bytes of a piece, and milliseconds between pieces. */
  slow?: { bytes: number; pause: number };
  /** Never answers. */
  hang?: boolean;
}

/** A server that speaks as much of the Hugging Face Hub's protocol as clients of either language use, and fails on demand. */
export class HubServer {
  readonly models = new Map<string, Model>();
  readonly seen: Seen[] = [];
  /** Asked before every answer. */
  fault: (request: Seen) => Fault | undefined = () => undefined;
  /** Files per page of a listing. */
  pageSize = 1000;
  /** Where a listing's next page is said to be, if not here. */
  pageOrigin: string | undefined;
  readonly #hub: Server;
  readonly #cdn: Server;

  private constructor() {
    this.#hub = createServer((request, response) => void this.#answer('hub', request, response));
    this.#cdn = createServer((request, response) => void this.#answer('cdn', request, response));
  }

  static async start(): Promise<HubServer> {
    const server = new HubServer();
    for (const part of [server.#hub, server.#cdn]) {
      await new Promise<void>((resolve) => part.listen(0, '127.0.0.1', resolve));
    }
    return server;
  }

  async stop(): Promise<void> {
    for (const part of [this.#hub, this.#cdn]) {
      part.closeAllConnections();
      await new Promise((resolve) => part.close(resolve));
    }
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#hub.address() as AddressInfo).port}`;
  }

  get cdnUrl(): string {
    return `http://127.0.0.1:${(this.#cdn.address() as AddressInfo).port}`;
  }

  add(name: string, files: Record<string, Buffer | string>, rest: Omit<Model, 'files'> = {}): void {
    const entries = Object.entries(files).map(([path, content]) => [path, Buffer.from(content)] as const);
    this.models.set(name, { files: Object.fromEntries(entries), ...rest });
  }

  /** A repository with the files of a folder. */
  addFolder(name: string, folder: string): void {
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) =>
      statSync(join(folder, path)).isFile(),
    );
    this.add(name, Object.fromEntries(files.map((path) => [path, readFileSync(join(folder, path))])));
  }

  commit(name: string): string {
    const hash = createHash('sha1').update(name);
    for (const [path, content] of Object.entries(this.models.get(name)?.files ?? {}))
      hash.update(path).update(content);
    return hash.digest('hex');
  }

  /** Requests for a file's content, wherever they were answered. */
  downloads(path?: string): Seen[] {
    return this.seen.filter(
      (request) =>
        request.method === 'GET' &&
        (request.host === 'cdn' ? true : request.path.includes('/resolve/')) &&
        (path === undefined || request.path.endsWith(path)),
    );
  }

  async #answer(host: Seen['host'], request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://host');
    const path = decodeURIComponent(url.pathname);
    const seen: Seen = { host, method: request.method ?? '', path, headers: request.headers };
    this.seen.push(seen);
    const fault = this.fault(seen) ?? {};
    if (fault.hang) return;
    if (fault.status !== undefined) {
      response.writeHead(fault.status, fault.headers).end(fault.body);
      return;
    }
    if (host === 'cdn') return this.#content(this.#byPath(path), request, response, fault);
    const api = /^\/api\/models\/([^/]+\/[^/]+)\/(revision|tree)\/(.+)$/.exec(path);
    const file = /^\/([^/]+\/[^/]+)\/resolve\/(.+?)\/(.+)$/.exec(path);
    const name = (api ?? file)?.[1] ?? '';
    const refused = this.#refuse(name, request);
    if (refused) return void response.writeHead(refused.status, refused.headers).end('{"error":"refused"}');
    if (api) return this.#api(name, api[2], api[3], url, response, fault);
    await this.#file(name, file?.[2] ?? '', file?.[3] ?? '', request, response, fault);
  }

  #refuse(name: string, request: IncomingMessage): (Fault & { status: number }) | undefined {
    const model = this.models.get(name);
    const { authorization } = request.headers;
    if (!model || (model.token && authorization !== `Bearer ${model.token}`)) {
      return { status: authorization ? 404 : 401, headers: { 'x-error-code': 'RepoNotFound' } };
    }
    return model.gated
      ? { status: authorization ? 403 : 401, headers: { 'x-error-code': 'GatedRepo' } }
      : undefined;
  }

  #api(name: string, kind: string, revision: string, url: URL, response: ServerResponse, fault: Fault): void {
    const commit = this.commit(name);
    if (revision !== 'main' && revision !== 'v1.0' && revision !== commit) {
      response.writeHead(404, { 'x-error-code': 'RevisionNotFound' }).end('{"error":"Invalid rev id"}');
      return;
    }
    const { files } = this.models.get(name) as Model;
    const headers: Record<string, string> = { 'content-type': 'application/json' };
    if (kind === 'revision') {
      const siblings = Object.keys(files).map((rfilename) => ({ rfilename }));
      const info = { id: name, modelId: name, sha: commit, siblings, private: false, tags: [], downloads: 0 };
      response.writeHead(200, headers).end(fault.body ?? JSON.stringify(info));
      return;
    }
    const start = Number(url.searchParams.get('cursor') ?? 0);
    const all = Object.entries(files).map(([path, content]) => ({
      type: 'file',
      oid: gitSha1(content),
      size: content.length,
      path,
      ...(isLarge(path) ? { lfs: { oid: sha256(content), size: content.length, pointerSize: 130 } } : {}),
    }));
    const folders = [
      ...new Set(
        Object.keys(files)
          .filter((path) => path.includes('/'))
          .map((path) => path.split('/')[0]),
      ),
    ];
    const entries = [
      ...folders.map((path) => ({ type: 'directory', oid: gitSha1(Buffer.from(path)), size: 0, path })),
      ...all,
    ];
    if (start + this.pageSize < entries.length) {
      url.searchParams.set('cursor', String(start + this.pageSize));
      headers.link = `<${this.pageOrigin ?? this.url}${url.pathname}${url.search}>; rel="next"`;
    }
    const page = entries.slice(start, start + this.pageSize);
    response.writeHead(200, headers).end(fault.body ?? JSON.stringify(page));
  }

  async #file(
    name: string,
    revision: string,
    path: string,
    request: IncomingMessage,
    response: ServerResponse,
    fault: Fault,
  ): Promise<void> {
    const content = this.models.get(name)?.files[path];
    const commit = this.commit(name);
    if (!content || (revision !== 'main' && revision !== commit)) {
      const code = content ? 'RevisionNotFound' : 'EntryNotFound';
      response.writeHead(404, { 'x-error-code': code, 'x-repo-commit': commit }).end();
      return;
    }
    response.setHeader('x-repo-commit', commit);
    if (!isLarge(path)) {
      response.setHeader('etag', `"${gitSha1(content)}"`);
      return this.#content(content, request, response, fault);
    }
    response.writeHead(302, {
      'x-linked-etag': `"${sha256(content)}"`,
      'x-linked-size': content.length,
      location: `${this.cdnUrl}/repos/${name}/${path}?Signature=do-not-show`,
    });
    response.end();
  }

  #byPath(path: string): Buffer {
    const [, name, file] = /^\/repos\/([^/]+\/[^/]+)\/(.+)$/.exec(path) ?? [];
    return this.models.get(name)?.files[file] ?? Buffer.alloc(0);
  }

  async #content(
    content: Buffer,
    request: IncomingMessage,
    response: ServerResponse,
    fault: Fault,
  ): Promise<void> {
    const whole = fault.body ?? content;
    const range = fault.ignoreRange ? undefined : /^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1];
    const start = Number(range ?? 0);
    if (range !== undefined && start >= whole.length) {
      response.writeHead(416, { 'content-range': `bytes */${whole.length}` }).end();
      return;
    }
    const part = whole.subarray(start);
    response.setHeader('content-length', part.length);
    if (range !== undefined) {
      response.setHeader('content-range', `bytes ${start}-${whole.length - 1}/${whole.length}`);
    }
    response.writeHead(range === undefined ? 200 : 206);
    if (request.method === 'HEAD') return void response.end();
    if (fault.cutAfter !== undefined) {
      response.write(part.subarray(0, fault.cutAfter), () => setTimeout(() => response.destroy(), 20));
      return;
    }
    const { bytes, pause } = fault.slow ?? { bytes: part.length, pause: 0 };
    for (let sent = 0; sent < part.length && !response.destroyed; sent += bytes) {
      response.write(part.subarray(sent, sent + bytes));
      if (pause > 0) await delay(pause);
    }
    response.end();
  }
}

/** What the Hub keeps in large-file storage. */
export function isLarge(path: string): boolean {
  return /\.(onnx|onnx_data|safetensors|bin)$/.test(path);
}

export function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

export function gitSha1(content: Buffer): string {
  return createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex');
}
