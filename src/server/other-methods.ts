import type { FastifyInstance, HTTPMethods } from 'fastify';
import { Fault } from './fault.js';

/** Those that clients send; OPTIONS is for browsers, who ask before they send something to another origin. */
const METHODS: readonly HTTPMethods[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];

/**
 * Answers other methods than a route has with 405 and the ones it has (RFC 9110, 15.5.6), before a body is read. Takes
 * those that are registered between the two calls.
 *
 * @returns registers the answers
 */
export function otherMethods(app: FastifyInstance): () => void {
  const known = new Map<string, Set<HTTPMethods>>();
  app.addHook('onRoute', ({ url, method }) => {
    const methods = known.get(url) ?? new Set();
    for (const name of [method].flat()) methods.add(name);
    known.set(url, methods);
  });
  return () =>
    // In its turn after the groups of routes, which the framework loads later than they are registered.
    void app.register(async (scope) => {
      for (const [url, methods] of [...known]) {
        if (!METHODS.some((name) => methods.has(name))) continue;
        const allowed = METHODS.filter((name) => methods.has(name)).join(', ');
        scope.route({
          url,
          method: METHODS.filter((name) => !methods.has(name)),
          onRequest: (request, reply, done) => {
            reply.header('allow', allowed);
            done(
              new Fault(
                'invalid',
                `There is no ${request.method} ${request.url.split('?')[0]}, only ${allowed}`,
                {
                  status: 405,
                  code: 'method_not_supported',
                },
              ),
            );
          },
          handler: () => {},
        });
      }
    });
}
