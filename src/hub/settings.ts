import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { EmbedlaneError, invalidArgument } from '../core/errors.js';
import { absolutePath } from '../core/io.js';
import type { Progress } from '../core/progress.js';
import { optionalBoolean, optionalFunction, optionalString } from '../core/validate.js';
import { checkRevision } from './model-id.js';

/** How far a download has come: `completed` and `total` are bytes of all files that it consists of. */
export interface DownloadProgress extends Progress {
  /** The file whose bytes came last, by its path in the repository. */
  readonly file: string;
}

/** Where a model may come from. Every model class takes these beside its own load options. */
export interface HubOptions {
  /** Branch, tag or commit of the repository; the same as `org/name@revision`. Default `main`. */
  revision?: string;
  /**
   * Cache folder, in the layout of Python's huggingface_hub. Default: `HF_HUB_CACHE`, else `HF_HOME/hub`, else
   * `~/.cache/huggingface/hub`.
   */
  cacheDir?: string;
  /** Access token for private and gated models. Default: `HF_TOKEN`, else what `hf auth login` has stored. */
  token?: string;
  /** Base URL of the hub or of a mirror. Default: `HF_ENDPOINT`, else `https://huggingface.co`. */
  endpoint?: string;
  /** Never use the network. Default: `HF_HUB_OFFLINE`. */
  localFilesOnly?: boolean;
  /** Called while files are downloaded; never if all of them are here. */
  onProgress?: (progress: DownloadProgress) => void;
}

/** Names of {@link HubOptions}, for the list of options that a call knows. */
export const HUB_OPTIONS = [
  'revision',
  'cacheDir',
  'token',
  'endpoint',
  'localFilesOnly',
  'onProgress',
] as const satisfies (keyof HubOptions)[];

/** {@link HubOptions} with the environment's defaults. */
export interface HubSettings {
  revision: string | undefined;
  cacheDir: string;
  endpoint: string;
  token: string | undefined;
  offline: boolean;
  /** Longest wait in milliseconds for a connection, for headers, and between two pieces of a body. */
  timeout: number;
  onProgress: HubOptions['onProgress'];
}

const DEFAULT_ENDPOINT = 'https://huggingface.co';
/** huggingface_hub's default. */
const DEFAULT_TIMEOUT_S = 10;

/** Checks hub options and completes them from the environment, by the rules of huggingface_hub. */
export function checkHubOptions(given: HubOptions): HubSettings {
  const cacheDir = optionalString('cacheDir', given.cacheDir);
  if (cacheDir === '' || cacheDir?.includes('\0')) throw invalidArgument('cacheDir', 'a path', cacheDir);
  return {
    revision: given.revision === undefined ? undefined : checkRevision(given.revision),
    cacheDir: cacheDir === undefined ? cacheFolder() : absolutePath(cacheDir),
    endpoint: endpoint(given.endpoint),
    token: given.token === undefined ? undefined : checkToken('token', given.token),
    offline:
      optionalBoolean('localFilesOnly', given.localFilesOnly) ??
      isTrue(setting('HF_HUB_OFFLINE') ?? setting('TRANSFORMERS_OFFLINE')),
    timeout: timeout(),
    onProgress: optionalFunction('onProgress', given.onProgress),
  };
}

/** The cache that huggingface_hub uses in this environment. */
export function cacheFolder(): string {
  const folder = setting('HF_HUB_CACHE') ?? setting('HUGGINGFACE_HUB_CACHE');
  return folder === undefined ? join(home(), 'hub') : absolutePath(expand(folder));
}

/**
 * The token for requests to the endpoint: given, else `HF_TOKEN`, else the file that `hf auth login` writes.
 *
 * @throws {EmbedlaneError} `ERR_INVALID_ARG` for a token that cannot be one, without showing it
 */
export async function accessToken(settings: HubSettings): Promise<string | undefined> {
  if (settings.token !== undefined) return settings.token;
  if (isTrue(setting('HF_HUB_DISABLE_IMPLICIT_TOKEN'))) return undefined;
  const token = (setting('HF_TOKEN') ?? setting('HUGGING_FACE_HUB_TOKEN'))?.trim();
  if (token) return checkToken('HF_TOKEN', token);
  const file = expand(setting('HF_TOKEN_PATH') ?? join(home(), 'token'));
  const stored = await readFile(file, 'utf8').catch(() => '');
  return stored.trim() === '' ? undefined : checkToken(file, stored.trim());
}

/** What the settings come to, in words for a person. Says whether there is a token, not which. */
export async function hubAccess(settings: HubSettings): Promise<string> {
  if (settings.offline) return 'offline (HF_HUB_OFFLINE)';
  const token = (await accessToken(settings)) === undefined ? 'without a token' : 'with a token';
  return `${settings.endpoint}, ${token}`;
}

function home(): string {
  const folder = setting('HF_HOME');
  if (folder !== undefined) return absolutePath(expand(folder));
  const cache = setting('XDG_CACHE_HOME');
  return join(cache === undefined ? join(homedir(), '.cache') : absolutePath(expand(cache)), 'huggingface');
}

function endpoint(given: unknown): string {
  const name = given === undefined ? 'HF_ENDPOINT' : 'endpoint';
  const value = optionalString('endpoint', given) ?? setting('HF_ENDPOINT') ?? DEFAULT_ENDPOINT;
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url?.username || url?.password) {
    // Not quoted: the message would show the password.
    throw new EmbedlaneError(
      'ERR_INVALID_ARG',
      `Expected a URL without user name and password for ${name}; use a token instead`,
    );
  }
  if (!url || !/^https?:$/.test(url.protocol) || url.search !== '' || url.hash !== '') {
    throw invalidArgument(name, 'an http or https URL without query', value);
  }
  return url.href.replace(/\/+$/, '');
}

/** Only what may stand in a header; the value itself is never shown. */
function checkToken(name: string, value: unknown): string {
  if (typeof value === 'string' && /^[\x21-\x7e]+$/.test(value)) return value;
  const actual = typeof value === 'string' ? 'a string with other characters' : `a ${typeof value}`;
  throw new EmbedlaneError(
    'ERR_INVALID_ARG',
    `Expected an access token (printable ASCII, no spaces) for ${name} but received ${actual}`,
  );
}

function timeout(): number {
  const value = setting('HF_HUB_DOWNLOAD_TIMEOUT');
  if (value === undefined) return DEFAULT_TIMEOUT_S * 1000;
  const seconds = Number(value);
  if (!(seconds > 0 && seconds <= 86_400)) {
    throw invalidArgument('HF_HUB_DOWNLOAD_TIMEOUT', 'a number of seconds between 0 and 86400', value);
  }
  return Math.ceil(seconds * 1000);
}

/** An environment variable; set to nothing counts as not set. */
function setting(name: string): string | undefined {
  return process.env[name] || undefined;
}

function isTrue(value: string | undefined): boolean {
  return value !== undefined && ['1', 'ON', 'YES', 'TRUE'].includes(value.toUpperCase());
}

/** `~` and `$NAME`, as Python's `expanduser` and `expandvars`. */
function expand(path: string): string {
  return path
    .replace(/^~(?=$|[\\/])/, homedir())
    .replace(/\$(?:(\w+)|\{(\w+)\})/g, (text, bare, braced) => process.env[bare ?? braced] ?? text);
}
