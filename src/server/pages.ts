import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { FastifyInstance } from 'fastify';

/** Files of the playground and of the page on the API; no build and nothing from elsewhere. */
const FILES: Readonly<Record<string, string>> = {
  '/': 'index.html',
  '/docs': 'docs.html',
  '/assets/style.css': 'style.css',
  '/assets/api.js': 'api.js',
  '/assets/dom.js': 'dom.js',
  '/assets/docs.js': 'docs.js',
  '/assets/main.js': 'main.js',
  '/assets/math.js': 'math.js',
  '/assets/metrics.js': 'metrics.js',
  '/assets/pictures.js': 'pictures.js',
  '/assets/texts.js': 'texts.js',
};

/** Open to everyone: they hold no data, and ask for the key themselves. */
export const PAGE_ROUTES = Object.keys(FILES);

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
};

/** Scripts, styles and requests of this server only; pictures also from the visitor's own disk. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' blob: data:; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** The playground at `/` and the API's page at `/docs`. */
export function pages(app: FastifyInstance): void {
  for (const [route, file] of Object.entries(FILES)) {
    const content = readFileSync(new URL(`pages/${file}`, import.meta.url));
    const tag = `"${createHash('sha256').update(content).digest('base64url').slice(0, 22)}"`;
    app.get(route, (request, reply) => {
      reply.header('etag', tag).header('cache-control', 'no-cache');
      if (request.headers['if-none-match'] === tag) return reply.status(304).send();
      return reply
        .header('content-security-policy', POLICY)
        .header('x-content-type-options', 'nosniff')
        .header('referrer-policy', 'no-referrer')
        .type(TYPES[file.slice(file.lastIndexOf('.') + 1)])
        .send(content);
    });
  }
}
