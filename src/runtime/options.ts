import { availableParallelism } from 'node:os';
import { EmbedlaneError, invalidArgument } from '../core/errors.js';
import { oneOf, optionalBoolean, optionalInteger } from '../core/validate.js';
import { defaultThreads } from './threads.js';

export const DEVICES = ['cpu', 'cuda', 'auto', 'coreml', 'dml'] as const;

/**
 * Where a model is computed: on the CPU; on an NVIDIA GPU (Linux x64); with Core ML (macOS); with DirectML
 * (Windows); or, with `'auto'`, on what of these the platform has, else on the CPU.
 */
export type Device = (typeof DEVICES)[number];

/** Options of loading that are the same for every kind of model. */
export interface RuntimeOptions {
  /**
   * Where to compute. Default `'cpu'`. `'auto'` tries the platform's accelerator and falls back to the CPU with one
   * warning that says why; the others fail with `ERR_DEVICE`, which names what is missing.
   */
  device?: Device;
  /** Which of several GPUs, for `'cuda'` and `'dml'`. Default 0. */
  deviceId?: number;
  /** Threads for inference, of each lane. Default: the physical cores, divided among lanes that work side by side. */
  threads?: number;
  /**
   * Microseconds for which an inference thread that waits for the others keeps its core busy before it sleeps.
   * Default 0. On a machine that does nothing else, 20 embeds 4–18 % faster; beside other work it is slower.
   */
  spin?: number;
  /**
   * Processes that compute, each with a copy of the model, from the start. Default: one, with all cores. If `threads`
   * is not given either, a small model of texts on the CPU then gets up to four more, which share the cores, as soon as
   * work has waited for as long as a start takes; without work they end after five minutes.
   */
  lanes?: number;
  /** Seconds without work after which the model leaves the memory; the next call loads it again. Default: never. */
  keepAlive?: number;
  /**
   * What a lane is: a child `'process'`, or a worker `'thread'` of this one, in which a crash of native code ends the
   * program. Default: a process, and a thread where Node's permission model allows no processes.
   */
  isolation?: Isolation;
  /**
   * Run the model on the largest batch that its budget allows before it counts as loaded, in every lane, so that the
   * first request waits for no allocation and a model that cannot take such a batch is found at once. Default false.
   */
  warmUp?: boolean;
}

export const ISOLATIONS = ['process', 'thread'] as const;
export type Isolation = (typeof ISOLATIONS)[number];

export const RUNTIME_OPTIONS = [
  'device',
  'deviceId',
  'threads',
  'spin',
  'lanes',
  'keepAlive',
  'isolation',
  'warmUp',
] as const;

/** How a lane opens its graphs. */
export interface SessionSettings {
  device: Device;
  deviceId: number;
  /** Threads within an operator; 0 lets onnxruntime count the physical cores. */
  threads: number;
  /** Microseconds for which a thread without work keeps its core busy before it sleeps; 0 for not at all. */
  spin: number;
  /** Whether `load` runs the largest batch before it answers. */
  warmUp: boolean;
}

/** How many lanes a model has, of what kind, and for how long. */
export interface LaneSettings {
  count: number;
  /** Milliseconds of idleness after which lanes of a team are ended; 0 if there may be no team. */
  teamKeepAlive: number;
  /** Milliseconds of idleness after which a lane is ended; Infinity for never. */
  keepAlive: number;
  isolation: Isolation | undefined;
}

export interface RuntimeSettings {
  session: SessionSettings;
  lanes: LaneSettings;
}

/** Milliseconds: as long as other servers of models keep one that nobody uses. */
const TEAM_KEEP_ALIVE = 300_000;
/** Who wants the memory back earlier than this, of a model that does nothing, does not want more copies in it. */
const MIN_KEEP_ALIVE = 60_000;

/** Upper bounds that only catch mistakes. */
const MAX_THREADS = 1024;
const MAX_SPIN = 1_000_000;
const MAX_DEVICE_ID = 1023;
const MAX_LANES = 256;
/** Node's timers have 31 bits of milliseconds. */
const MAX_KEEP_ALIVE = 2_147_483;

/** Where onnxruntime-node has which accelerator, by platform and architecture. */
const ACCELERATORS: Record<string, Exclude<Device, 'cpu' | 'auto'>> = {
  'linux x64': 'cuda',
  'darwin arm64': 'coreml',
  'win32 x64': 'dml',
  'win32 arm64': 'dml',
};

/** What `'auto'` tries here; undefined where there is nothing but the CPU. */
export function accelerator(platform: string = process.platform, arch: string = process.arch) {
  return ACCELERATORS[`${platform} ${arch}`];
}

/**
 * @throws {EmbedlaneError} `ERR_INVALID_ARG`, or `ERR_DEVICE` for a device that this platform does not have
 */
export function checkRuntimeOptions(given: RuntimeOptions): RuntimeSettings {
  const device = given.device === undefined ? 'cpu' : oneOf('device', given.device, DEVICES);
  const count = optionalInteger('lanes', given.lanes, 1, MAX_LANES) ?? 1;
  const threads = optionalInteger('threads', given.threads, 1, MAX_THREADS);
  const keepAlive = keepAliveOf(given.keepAlive);
  // How to share the cores is left to us.
  const left = device === 'cpu' && given.lanes === undefined && threads === undefined;
  const settings = {
    session: {
      device,
      deviceId: optionalInteger('deviceId', given.deviceId, 0, MAX_DEVICE_ID) ?? 0,
      threads: threads ?? sharedThreads(count),
      spin: optionalInteger('spin', given.spin, 0, MAX_SPIN) ?? 0,
      warmUp: optionalBoolean('warmUp', given.warmUp) ?? false,
    },
    lanes: {
      count,
      teamKeepAlive: left && keepAlive >= MIN_KEEP_ALIVE ? Math.min(keepAlive, TEAM_KEEP_ALIVE) : 0,
      keepAlive,
      isolation: given.isolation === undefined ? undefined : oneOf('isolation', given.isolation, ISOLATIONS),
    },
  };
  if (device !== 'cpu' && device !== 'auto' && accelerator() !== device) throw wrongPlatform(device);
  return settings;
}

/** Threads of each of so many lanes. */
function sharedThreads(lanes: number): number {
  const threads = defaultThreads();
  return lanes === 1 ? threads : Math.max(1, Math.floor((threads || availableParallelism()) / lanes));
}

function keepAliveOf(value: unknown): number {
  if (value === undefined || value === Number.POSITIVE_INFINITY) return Number.POSITIVE_INFINITY;
  if (typeof value !== 'number' || !(value >= 0 && value <= MAX_KEEP_ALIVE)) {
    throw invalidArgument('keepAlive', `seconds between 0 and ${MAX_KEEP_ALIVE}, or Infinity`, value);
  }
  return Math.round(value * 1000);
}

function wrongPlatform(device: Device): EmbedlaneError {
  const where = Object.keys(ACCELERATORS).filter((platform) => ACCELERATORS[platform] === device);
  return new EmbedlaneError(
    'ERR_DEVICE',
    `Expected ${where.join(' or ')} for device '${device}' but this is ${process.platform} ${process.arch}; ` +
      "use device 'cpu' or 'auto'",
  );
}
