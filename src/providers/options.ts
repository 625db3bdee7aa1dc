import { EmbedlaneError, invalidArgument } from '../core/errors.js';
import { optionalInteger, optionalString, optionsObject } from '../core/validate.js';
import type { RemoteClientOptions } from './remote-client.js';

/** Options that every provider takes. */
export interface RemoteOptions {
  /** Model, by the provider's name for it. */
  model?: string;
  /** Root of the provider's API. */
  baseURL?: string;
  /** Key; default: the provider's usual environment variable. */
  apiKey?: string;
  /** Additional request headers. */
  headers?: Record<string, string>;
  /** Most texts in one request. */
  batchSize?: number;
  /** Most requests at a time, over all calls. Default 4. */
  concurrency?: number;
  /** How often a request is tried again after a transient failure. Default 4. */
  maxRetries?: number;
  /** Milliseconds for one attempt. Default 60,000. */
  timeout?: number;
  /** URL of a proxy; default: `HTTP_PROXY`, `HTTPS_PROXY`, `NO_PROXY` of the environment. */
  proxy?: string;
}

const REMOTE_OPTIONS = [
  'model',
  'baseURL',
  'apiKey',
  'headers',
  'batchSize',
  'concurrency',
  'maxRetries',
  'timeout',
  'proxy',
] as const;

/** What is usual for one provider. */
export interface RemoteDefaults {
  provider: string;
  model: string | undefined;
  baseURL: string;
  /** Environment variables that may hold the key, best first. */
  keyVariables: readonly string[];
  /** Whether requests to `baseURL`'s host make no sense without a key. */
  needsKey: boolean;
  batchSize: number;
}

export interface RemoteSettings {
  model: string;
  batchSize: number;
  client: RemoteClientOptions;
}

/** @param extra the options that only this provider has */
export function checkRemoteOptions<T extends RemoteOptions>(
  options: T | undefined,
  extra: readonly (keyof T & string)[],
  defaults: RemoteDefaults,
): RemoteSettings & { given: Partial<T> } {
  const given = optionsObject<T>('options', options, [...REMOTE_OPTIONS, ...extra]);
  const model = optionalString('model', given.model) ?? defaults.model;
  if (!model) throw invalidArgument('model', "the name of one of the provider's models", model);
  const baseURL = checkURL('baseURL', optionalString('baseURL', given.baseURL) ?? defaults.baseURL);
  const apiKey = optionalString('apiKey', given.apiKey) ?? firstVariable(defaults.keyVariables);
  if (!apiKey && defaults.needsKey && baseURL.hostname === new URL(defaults.baseURL).hostname) {
    throw new EmbedlaneError(
      'ERR_INVALID_ARG',
      `Expected a key in apiKey or ${defaults.keyVariables.join(' or ')} for ${defaults.provider}`,
    );
  }
  if (apiKey) checkKey(apiKey, given.apiKey ? 'apiKey' : defaults.keyVariables.join(' or '));
  const proxy = optionalString('proxy', given.proxy);
  return {
    given,
    model,
    batchSize: optionalInteger('batchSize', given.batchSize, 1, 100_000) ?? defaults.batchSize,
    client: {
      provider: defaults.provider,
      baseURL,
      apiKey,
      headers: { ...(apiKey && { authorization: `Bearer ${apiKey}` }), ...checkHeaders(given.headers) },
      concurrency: optionalInteger('concurrency', given.concurrency, 1, 1000) ?? 4,
      maxRetries: optionalInteger('maxRetries', given.maxRetries, 0, 100) ?? 4,
      timeout: optionalInteger('timeout', given.timeout, 1, 2 ** 31 - 1) ?? 60_000,
      proxy: proxy === undefined ? undefined : checkURL('proxy', proxy, true).href,
    },
  };
}

function checkURL(name: string, value: string, credentials = false): URL {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    if (!value.includes('@')) throw invalidArgument(name, 'an http or https URL', value);
    // Not quoted, here and below: it may hold a password.
    throw new EmbedlaneError('ERR_INVALID_ARG', `Expected an http or https URL for ${name}`);
  }
  if (!credentials && (url.username || url.password)) {
    throw new EmbedlaneError('ERR_INVALID_ARG', `Expected a URL without credentials for ${name}; use apiKey`);
  }
  return url;
}

/** @param name where the key is from: its text is shown nowhere */
function checkKey(key: string, name: string): void {
  try {
    new Headers({ authorization: `Bearer ${key}` });
  } catch {
    // Not the cause either: it would quote the key.
    throw new EmbedlaneError(
      'ERR_INVALID_ARG',
      `Expected a key without line breaks, ellipses or other characters that HTTP headers cannot have for ${name}`,
    );
  }
}

/** Headers that say how a request is sent: another length, for one, and the host waits for bytes that never come. */
const FRAMING = ['connection', 'content-length', 'expect', 'keep-alive', 'transfer-encoding', 'upgrade'];

function checkHeaders(headers: unknown): Record<string, string> {
  if (headers === undefined) return {};
  if (headers === null || typeof headers !== 'object' || Array.isArray(headers)) {
    throw invalidArgument('headers', 'an object of strings', headers);
  }
  for (const [name, value] of Object.entries(headers)) {
    if (typeof value !== 'string') throw invalidArgument(`headers['${name}']`, 'a string', value);
  }
  let checked: Record<string, string>;
  try {
    checked = Object.fromEntries(new Headers(headers as Record<string, string>));
  } catch {
    // The message of the cause would quote the header, which may be a key.
    throw new EmbedlaneError('ERR_INVALID_ARG', 'Expected valid HTTP names and values for headers');
  }
  const framing = FRAMING.find((name) => name in checked);
  if (framing !== undefined) {
    throw new EmbedlaneError(
      'ERR_INVALID_ARG',
      `Expected no header for headers that the connection sets itself but received '${framing}'`,
    );
  }
  return checked;
}

function firstVariable(names: readonly string[]): string | undefined {
  return names.map((name) => process.env[name]).find(Boolean);
}

/** Base URLs are often given as the whole endpoint: takes off the paths in `endings`. */
export function withoutEnding(url: URL, ...endings: string[]): URL {
  const short = new URL(url);
  short.pathname = short.pathname.replace(/\/+$/, '');
  for (const ending of endings) {
    if (short.pathname.endsWith(ending)) short.pathname = short.pathname.slice(0, -ending.length);
  }
  return short;
}
