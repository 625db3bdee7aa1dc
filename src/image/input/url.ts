import { lookup as resolveName } from 'node:dns';
import type { IncomingMessage } from 'node:http';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { EmbedlaneError } from '../../core/errors.js';
import type { DecodeSettings } from '../decode/settings.js';

const MAX_REDIRECTS = 5;
/** For the whole picture, redirects included. */
const TIMEOUT_MS = 30_000;

type FetchSettings = Pick<DecodeSettings, 'hosts' | 'privateAddresses' | 'maxBytes'>;

/**
 * Fetches a picture. Every step of a chain of redirects goes to an allowed host, and the connection is made to
 * the very address that was checked, so that a name cannot resolve to something else the second time.
 *
 * @throws {EmbedlaneError} `ERR_IMAGE`
 */
export async function fetchImage(address: string, settings: FetchSettings): Promise<Uint8Array> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  let url = checkUrl(address, settings);
  try {
    for (let step = 0; step <= MAX_REDIRECTS; step++) {
      const response = await get(url, settings, signal);
      const { statusCode = 0, headers } = response;
      if (statusCode >= 300 && statusCode < 400 && headers.location !== undefined) {
        response.destroy();
        url = checkUrl(new URL(headers.location, url).href, settings);
        continue;
      }
      if (statusCode !== 200) {
        response.destroy();
        throw refused(`status 200 from ${url.host}`, String(statusCode));
      }
      return await readBody(response, settings.maxBytes);
    }
  } catch (cause) {
    if (cause instanceof EmbedlaneError) throw cause;
    const reason = signal.aborted ? `nothing for ${TIMEOUT_MS / 1000} s` : (cause as Error).message;
    throw new EmbedlaneError('ERR_IMAGE', `Expected a picture from ${url.host} but received ${reason}`, {
      cause,
    });
  }
  throw refused(`at most ${MAX_REDIRECTS} redirects`, 'more');
}

/** Checks what can be checked without the network. */
export function checkUrl(address: string, { hosts, privateAddresses }: Omit<FetchSettings, 'maxBytes'>): URL {
  let url: URL;
  try {
    url = new URL(address);
  } catch {
    throw refused('a URL', address.slice(0, 60));
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    throw refused('an http or https URL', url.protocol);
  if (!hosts.includes(url.hostname)) {
    throw refused(`a host that the option hosts allows (${hosts.join(', ') || 'none'})`, `'${url.hostname}'`);
  }
  if (url.username !== '' || url.password !== '') throw refused('a URL without credentials', 'one with');
  const literal = url.hostname.replace(/^\[|\]$/g, '');
  // Connections to a literal address ask no resolver, so the check in `lookup` would not see it.
  if (isIP(literal) !== 0 && !privateAddresses && !isPublic(literal))
    throw refused('a public address', literal);
  return url;
}

async function get(
  url: URL,
  { privateAddresses }: FetchSettings,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const lookup: LookupFunction = (hostname, options, callback) => {
    resolveName(hostname, options, (error, address, family) => {
      const found = Array.isArray(address) ? address.map((item) => item.address) : [address];
      const secret = privateAddresses || error ? undefined : found.find((item) => !isPublic(item));
      if (secret !== undefined) callback(refused(`a public address for ${hostname}`, secret), '');
      else callback(error, address, family);
    });
  };
  // Loaded with the first URL: most programs fetch no pictures.
  const { request } = url.protocol === 'https:' ? await import('node:https') : await import('node:http');
  return new Promise((resolve, reject) => {
    request(url, { lookup, signal, headers: { accept: 'image/*' } }, resolve)
      .on('error', reject)
      .end();
  });
}

async function readBody(response: IncomingMessage, maxBytes: number): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBytes) throw refused(`at most ${maxBytes} bytes`, 'more');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Addresses of this machine, of local networks, and those that mean nothing on the public network (IANA's registries). */
const NOT_PUBLIC = new BlockList();
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const) {
  NOT_PUBLIC.addSubnet(network, prefix, 'ipv4');
}
/** All that IPv6 has given out to the public begins with 001. */
const GLOBAL_IPV6 = new BlockList();
GLOBAL_IPV6.addSubnet('2000::', 3, 'ipv6');
for (const [network, prefix] of [
  ['2001:db8::', 32],
  ['2001::', 32],
  ['2002::', 16],
] as const) {
  NOT_PUBLIC.addSubnet(network, prefix, 'ipv6');
}

export function isPublic(address: string): boolean {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return isPublic(mapped);
  if (isIP(address) === 4) return !NOT_PUBLIC.check(address, 'ipv4');
  return isIP(address) === 6 && GLOBAL_IPV6.check(address, 'ipv6') && !NOT_PUBLIC.check(address, 'ipv6');
}

function refused(expected: string, actual: string): EmbedlaneError {
  return new EmbedlaneError('ERR_IMAGE', `Expected ${expected} but received ${actual}`);
}
