import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { Fault } from './fault.js';

/** The keys that clients may have, as digests: comparing them takes the same time whatever they are. */
export class ApiKeys {
  readonly #digests: Buffer[];

  constructor(keys: readonly string[]) {
    this.#digests = keys.map(digest);
  }

  /**
   * Checks a request's key: `Authorization: Bearer …`, `api-key` (Azure) or `x-api-key`.
   *
   * @returns a short name for the key that is no secret; undefined if the server has no keys
   * @throws {Fault} `unauthorized`
   */
  check(headers: IncomingHttpHeaders): string | undefined {
    if (this.#digests.length === 0) return undefined;
    const key = keyOf(headers);
    if (key === undefined) throw new Fault('unauthorized', 'Missing API key');
    const candidate = digest(key);
    let found = false;
    for (const known of this.#digests) if (timingSafeEqual(known, candidate)) found = true;
    if (!found) throw new Fault('unauthorized', 'Incorrect API key provided');
    return candidate.toString('hex').slice(0, 8);
  }
}

function keyOf(headers: IncomingHttpHeaders): string | undefined {
  const bearer = /^bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1];
  const other = headers['x-api-key'] ?? headers['api-key'];
  return bearer ?? (typeof other === 'string' ? other : undefined);
}

function digest(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}
