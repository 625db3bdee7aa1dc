import { EmbedlaneError, invalidArgument } from '../../core/errors.js';
import { oneOf, urlText } from '../../core/validate.js';
import { collectionName } from './collection.js';

/** The parts of `scheme://user:password@host:port/database/collection?parameter=value`. */
export interface StoreUrl {
  /** Without the colon. */
  readonly scheme: string;
  readonly host: string;
  readonly port: number | undefined;
  readonly user: string | undefined;
  readonly password: string | undefined;
  /** Undefined if the path has one segment. */
  readonly database: string | undefined;
  readonly collection: string;
  readonly parameters: Readonly<Record<string, string>>;
}

/**
 * Takes the URL of a collection on a server apart. Messages leave user and password out.
 *
 * @param schemes those that are accepted
 * @param parameters names of the parameters after `?` that are known
 * @throws {EmbedlaneError} `ERR_INVALID_ARG`
 */
export function serverUrl(
  name: string,
  value: string | URL,
  schemes: readonly string[],
  parameters: readonly string[],
): StoreUrl {
  const form = `${schemes[0]}://user:password@host:port/database/collection`;
  const text = urlText(name, value);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const scheme = url?.protocol.slice(0, -1) ?? '';
  if (url === undefined || !schemes.includes(scheme) || url.hostname === '') throw malformed(name, form);
  const segments = decoded(name, form, url.pathname.slice(1)).split('/');
  if (segments.length > 2 || segments.some((segment) => segment === '')) throw malformed(name, form);
  const given = Object.fromEntries(url.searchParams);
  const unknown = Object.keys(given).find((key) => !parameters.includes(key));
  if (unknown !== undefined) {
    const known = parameters.length === 0 ? 'no parameters' : `parameters among ${parameters.join(', ')}`;
    throw new EmbedlaneError('ERR_INVALID_ARG', `Expected ${known} for ${name} but received '${unknown}'`);
  }
  const optional = (text: string) => (text === '' ? undefined : decoded(name, form, text));
  return {
    scheme,
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? undefined : Number(url.port),
    user: optional(url.username),
    password: optional(url.password),
    database: segments.length === 2 ? segments[0] : undefined,
    collection: collectionName(`the collection of ${name}`, segments[segments.length - 1]),
    parameters: given,
  };
}

/**
 * A parameter that is a number: what options say counts more.
 *
 * @throws {EmbedlaneError} `ERR_INVALID_ARG`
 */
export function numberParameter({ parameters }: StoreUrl, key: string): number | undefined {
  const value = parameters[key];
  if (value === undefined || /^\d{1,10}$/.test(value)) return value === undefined ? undefined : Number(value);
  throw invalidArgument(`${key} of url`, 'a number', value);
}

/** A parameter that is `true` or `false`. */
export function booleanParameter({ parameters }: StoreUrl, key: string): boolean | undefined {
  const value = parameters[key];
  return value === undefined ? undefined : oneOf(`${key} of url`, value, ['true', 'false']) === 'true';
}

/** A store's URL for messages. */
export function withoutPassword(url: string): string {
  if (!URL.canParse(url)) return url;
  const parsed = new URL(url);
  if (parsed.password !== '') parsed.password = '***';
  return parsed.href;
}

function decoded(name: string, form: string, text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw malformed(name, form);
  }
}

function malformed(name: string, form: string): EmbedlaneError {
  return new EmbedlaneError('ERR_INVALID_ARG', `Expected a URL like ${form} for ${name}`);
}
