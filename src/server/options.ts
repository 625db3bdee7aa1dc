import { EmbedlaneError, invalidArgument } from '../core/errors.js';
import {
  integer,
  oneOf,
  optionalBoolean,
  optionalInteger,
  optionalString,
  optionsObject,
} from '../core/validate.js';
import { MODEL_KINDS } from './models/kinds.js';
import type { ServedModel } from './models/pooled-model.js';

/** How many requests, and tokens of texts, a key (or an address, without keys) may have per minute. */
export interface RateLimit {
  requestsPerMinute?: number;
  tokensPerMinute?: number;
}

/** Options of `createServer`. */
export interface ServerOptions {
  /** Models to offer: ids or folders; routes that name none are served by the first that can do what they are for. */
  models?: readonly (string | ServedModel)[];
  /** Address to listen on. Default `127.0.0.1`. */
  host?: string;
  /** Port; 0 for any free one. Default 8080. */
  port?: number;
  /** Keys that clients must have one of. Default: none needed. */
  apiKeys?: readonly string[];
  /** Further names of models: `{ 'text-embedding-3-small': 'all-MiniLM-L6-v2' }`; `*` for any name. */
  aliases?: Readonly<Record<string, string>>;
  /** Whether models are loaded before the server listens. Default true; otherwise with the first request. */
  preload?: boolean;
  /** Seconds of idleness after which a model is unloaded. Default: never. */
  keepAlive?: number;
  /** Bytes of a request body. Default 16 MiB. */
  maxBodyBytes?: number;
  /** Bytes of all request bodies in progress together. Default 256 MiB. */
  maxTotalBodyBytes?: number;
  /** Texts of one request. Default 2048. */
  maxInputs?: number;
  /** Requests in progress at a time; more are refused with 429. Default 1024. */
  maxConcurrentRequests?: number;
  /**
   * Milliseconds that a request may have to wait for those before it, by what the server has lately done; beyond that,
   * more are refused with 429; a sixth of it while more comes than the server can do. Up to 64 requests may be in progress
   * in any case, or as many as a slow server answers in a second. Default 500.
   */
  maxQueueTime?: number;
  rateLimit?: RateLimit;
  /** Milliseconds in which a request must have arrived as a whole. Default 30,000. */
  requestTimeout?: number;
  /** Milliseconds for which requests in progress may go on when the server closes. Default 30,000. */
  drainTimeout?: number;
  /** Origins that browsers may call from, or true for all. Default: none. */
  cors?: boolean | readonly string[];
  /** Whether to write a log line per request, as JSON, to stderr. Default false. */
  log?: boolean;
}

export interface CheckedOptions {
  models: ServedModel[];
  host: string;
  port: number;
  apiKeys: readonly string[];
  preload: boolean;
  /** Milliseconds. */
  keepAlive: number;
  maxBodyBytes: number;
  maxTotalBodyBytes: number;
  maxInputs: number;
  maxConcurrentRequests: number;
  maxQueueTime: number;
  rateLimit: RateLimit;
  requestTimeout: number;
  drainTimeout: number;
  cors: boolean | readonly string[];
  log: boolean;
}

export const SERVER_OPTIONS = [
  'models',
  'host',
  'port',
  'apiKeys',
  'aliases',
  'preload',
  'keepAlive',
  'maxBodyBytes',
  'maxTotalBodyBytes',
  'maxInputs',
  'maxConcurrentRequests',
  'maxQueueTime',
  'rateLimit',
  'requestTimeout',
  'drainTimeout',
  'cors',
  'log',
] as const satisfies readonly (keyof ServerOptions)[];

export const DEFAULT_PORT = 8080;
const DEFAULT_MODEL = 'all-MiniLM-L6-v2';
const MIB = 2 ** 20;
const MAX_TIMEOUT = 2 ** 31 - 1;

export function checkServerOptions(options: ServerOptions | undefined): CheckedOptions {
  const given = optionsObject<ServerOptions>('options', options, SERVER_OPTIONS);
  const keepAlive = optionalInteger('keepAlive', given.keepAlive, 0, MAX_TIMEOUT);
  const size = (name: 'maxBodyBytes' | 'maxTotalBodyBytes', fallback: number) =>
    optionalInteger(name, given[name], 1, 1024 * MIB) ?? fallback;
  return {
    models: withAliases(checkModels(given.models), given.aliases),
    host: checkHost(given.host),
    port: optionalInteger('port', given.port, 0, 65_535) ?? DEFAULT_PORT,
    apiKeys: checkKeys(given.apiKeys),
    preload: optionalBoolean('preload', given.preload) ?? true,
    keepAlive: keepAlive === undefined ? Number.POSITIVE_INFINITY : keepAlive * 1000,
    maxBodyBytes: size('maxBodyBytes', 16 * MIB),
    maxTotalBodyBytes: size('maxTotalBodyBytes', 256 * MIB),
    maxInputs: optionalInteger('maxInputs', given.maxInputs, 1, 1_000_000) ?? 2048,
    maxConcurrentRequests:
      optionalInteger('maxConcurrentRequests', given.maxConcurrentRequests, 1, 1_000_000) ?? 1024,
    maxQueueTime: optionalInteger('maxQueueTime', given.maxQueueTime, 1, MAX_TIMEOUT) ?? 500,
    rateLimit: checkRateLimit(given.rateLimit),
    requestTimeout: optionalInteger('requestTimeout', given.requestTimeout, 1, MAX_TIMEOUT) ?? 30_000,
    drainTimeout: optionalInteger('drainTimeout', given.drainTimeout, 0, MAX_TIMEOUT) ?? 30_000,
    cors:
      typeof given.cors === 'boolean' ? given.cors : given.cors ? checkStrings('cors', given.cors) : false,
    log: optionalBoolean('log', given.log) ?? false,
  };
}

function checkHost(given: unknown): string {
  const host = optionalString('host', given) ?? '127.0.0.1';
  // To Node, no address is all of them: `--host "$UNSET"` would open the server to everyone.
  if (host.trim() === '') throw invalidArgument('host', 'an address or a name', host);
  return host;
}

/** Only who leaves them out gets a server for everyone: an empty list comes of a variable that is not set. */
function checkKeys(keys: unknown): readonly string[] {
  if (keys === undefined) return [];
  const list = checkStrings('apiKeys', keys);
  if (list.length === 0) throw invalidArgument('apiKeys', 'at least one key, or nothing,', keys);
  return list;
}

function checkModels(models: unknown): ServedModel[] {
  if (models === undefined) return [{ id: DEFAULT_MODEL }];
  if (!Array.isArray(models) || models.length === 0) {
    throw invalidArgument('models', 'a list of at least one model', models);
  }
  return models.map((model: unknown, index) => {
    if (typeof model === 'string') return { id: model };
    const { id, kind, aliases } = (model ?? {}) as Partial<ServedModel>;
    if (typeof id !== 'string')
      throw invalidArgument(`models[${index}]`, "a string or an object with 'id'", model);
    if (kind !== undefined) oneOf(`models[${index}].kind`, kind, MODEL_KINDS);
    if (aliases !== undefined) checkStrings(`models[${index}].aliases`, aliases);
    return { ...(model as ServedModel) };
  });
}

function withAliases(models: ServedModel[], aliases: unknown): ServedModel[] {
  if (aliases === undefined) return models;
  if (aliases === null || typeof aliases !== 'object' || Array.isArray(aliases)) {
    throw invalidArgument('aliases', 'an object of names and models', aliases);
  }
  for (const [alias, id] of Object.entries(aliases)) {
    const model = models.find((candidate) => candidate.id === id);
    if (!model) throw invalidArgument(`aliases['${alias}']`, 'one of the models', id);
    model.aliases = [...(model.aliases ?? []), alias];
  }
  return models;
}

function checkStrings(name: string, value: unknown): string[] {
  if (!Array.isArray(value)) throw invalidArgument(name, 'a list of strings', value);
  for (const item of value) {
    // The item itself is not shown: it may be a key.
    if (typeof item !== 'string' || item === '') {
      throw new EmbedlaneError('ERR_INVALID_ARG', `Expected non-empty strings in ${name}`);
    }
  }
  return [...value];
}

function checkRateLimit(limit: RateLimit | undefined): RateLimit {
  const given = optionsObject<RateLimit>('rateLimit', limit, ['requestsPerMinute', 'tokensPerMinute']);
  for (const [name, value] of Object.entries(given)) integer(`rateLimit.${name}`, value, 1, 1e9);
  return given;
}
