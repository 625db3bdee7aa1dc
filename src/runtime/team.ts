import { availableParallelism } from 'node:os';
import type { Lane } from './lane.js';
import type { LaneSettings, SessionSettings } from './options.js';
import { defaultThreads } from './threads.js';

/** Lanes that share the cores when there is more to do than one of them can. */
export interface Team {
  lanes: number;
  /** Of each lane. */
  threads: number;
}

const MAX_LANES = 4;

/** Most bytes of model files that a model's lanes may hold together, the first one included. */
const MAX_FILES = 300e6;

/**
 * What a lane takes besides its model: Node, onnxruntime, tokenizer; and how much of the memory its model takes for
 * each byte of its files, from MiniLM: float16 weights are widened to float32, int8 ones are packed anew.
 */
const LANE_BYTES = 150e6;
const BYTES_PER_FILE_BYTE = 3;

/**
 * How to share the cores among lanes for throughput: a run of the model is full of places where its threads wait for
 * each other, which separate lanes do not. As many lanes as leave no core without a thread.
 *
 * @param bytes of the model's files
 * @returns undefined if there are no cores to share, or copies of the model would take too much memory
 */
export function planTeam(
  bytes: number,
  cores = defaultThreads() || availableParallelism(),
): Team | undefined {
  const most = Math.min(MAX_LANES, cores, Math.floor(MAX_FILES / bytes) - 1);
  const used = (lanes: number) => lanes * Math.floor(cores / lanes);
  let best: Team | undefined;
  for (let lanes = 2; lanes <= most; lanes++) {
    if (best && used(lanes) < best.lanes * best.threads) continue;
    best = { lanes, threads: Math.floor(cores / lanes) };
  }
  return best;
}

/** Whether the system, or the control group, has memory for so many more lanes. */
function roomFor(lanes: number, bytes: number): boolean {
  return process.availableMemory() > lanes * (LANE_BYTES + BYTES_PER_FILE_BYTE * bytes);
}

/**
 * Lets the lane of a small model start a team, if the caller said nothing about lanes and threads.
 *
 * @param params what the lane was loaded with
 * @param bytes of the model's files
 */
export function allowTeam(
  lane: Lane<unknown>,
  params: { session: SessionSettings },
  bytes: number,
  { teamKeepAlive }: LaneSettings,
): void {
  const team = teamKeepAlive === 0 ? undefined : planTeam(bytes);
  if (!team) return;
  // Lanes reach the size that they will keep before they get work.
  const session = { ...params.session, threads: team.threads, warmUp: true };
  lane.allowTeam(team.lanes, { ...params, session }, () => roomFor(team.lanes, bytes));
}
