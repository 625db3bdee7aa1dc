import { EmbedlaneError } from './errors.js';

/**
 * For constructors that only a class' own function calls, after loading: TypeScript keeps others out, JavaScript does not,
 * and what they would get fails at its first use.
 *
 * @param makers such as `TextEmbedder.load`
 * @param part what the maker hands over and nobody else has: anything that can be closed, or a list
 * @throws {EmbedlaneError} `ERR_INVALID_ARG` for anything else
 */
export function requireMaker(maker: string, part: unknown): void {
  const { close, disconnect } = (part ?? {}) as { close?: unknown; disconnect?: unknown };
  if (typeof (close ?? disconnect) === 'function' || Array.isArray(part)) return;
  const [name] = maker.split('.');
  throw new EmbedlaneError(
    'ERR_INVALID_ARG',
    `Expected \`await ${maker}(…)\`, which makes a ${name}, but received a call of its constructor`,
  );
}
