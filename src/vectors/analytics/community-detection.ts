import { throwIfAborted } from '../../core/abort.js';
import type { MatrixLike } from '../../core/embeddings.js';
import { Pace } from '../../core/pace.js';
import { finiteNumber, integer, optionsObject } from '../../core/validate.js';
import { type CheckedMatrix, matrixArgument } from '../matrix.js';
import { topK } from '../topk.js';
import { QUERY_CHUNK, type RowChunk, rowChunks } from './row-chunks.js';
import { ANALYSIS_OPTIONS, type AnalysisOptions, checkAnalysis } from './search-options.js';

export interface CommunityDetectionOptions extends AnalysisOptions {
  /** Least cosine between the centre of a community and its members. @default 0.75 */
  threshold?: number;
  /** Smallest community to return, its centre included. @default 10 */
  minCommunitySize?: number;
}

/** A row that many others are close to. */
interface Candidate {
  center: number;
  /** Rows within the threshold, nearest first. */
  members: Uint32Array;
}

/**
 * Groups rows around centres that they are similar to: `util.community_detection` of sentence-transformers.
 *
 * Larger communities claim their members first; a member belongs to one community at most.
 *
 * @returns row indices of each community, its centre first, then by falling similarity; largest community first
 * @throws {EmbedlaneError} `ERR_DTYPE`, `ERR_DIMENSION` or `ERR_INVALID_ARG` for arguments that do not fit,
 * `ERR_ABORTED` if the signal fires
 */
export async function communityDetection(
  embeddings: MatrixLike,
  options: CommunityDetectionOptions = {},
): Promise<number[][]> {
  const known = optionsObject('options', options, ['threshold', 'minCommunitySize', ...ANALYSIS_OPTIONS]);
  const analysis = checkAnalysis(known);
  const threshold = Math.fround(finiteNumber('options.threshold', known.threshold ?? 0.75));
  const minSize = integer('options.minCommunitySize', known.minCommunitySize ?? 10, 1, 2 ** 32 - 1);
  const rows = matrixArgument('embeddings', embeddings);
  throwIfAborted(analysis.signal);
  if (rows.rows < minSize) return [];

  const pace = new Pace(analysis.signal);
  const candidates: Candidate[] = [];
  for (const chunk of rowChunks(rows, QUERY_CHUNK)) {
    candidates.push(...(await findCandidates(chunk, rows, threshold, minSize, analysis, pace)));
    analysis.onProgress?.({ completed: chunk.start + chunk.rows, total: rows.rows });
  }
  return separate(candidates, rows.rows, minSize, pace);
}

/** Of the rows of `chunk`, those with at least `minSize` rows (themselves included) within the threshold. */
async function findCandidates(
  chunk: RowChunk,
  rows: CheckedMatrix,
  threshold: number,
  minSize: number,
  { threads, signal }: AnalysisOptions,
  pace: Pace,
): Promise<Candidate[]> {
  const found: Candidate[] = [];
  let open = Uint32Array.from({ length: chunk.rows }, (_, row) => row);
  // Few rows have many neighbours: a short list decides for most, and only full lists are asked for again, longer.
  for (
    let k = Math.min(Math.max(2 * minSize, 50), rows.rows);
    open.length > 0;
    k = Math.min(8 * k, rows.rows)
  ) {
    const top = await topK(pick(chunk, open), rows, { k, metric: 'cosine', threads, signal });
    const full: number[] = [];
    for (let row = 0; row < top.rows; row++) {
      const scores = top.scores.subarray(row * k, (row + 1) * k);
      let size = 0;
      while (size < k && scores[size] >= threshold) size++;
      if (size === k && k < rows.rows) full.push(open[row]);
      else if (size >= minSize) {
        found.push({
          center: chunk.start + open[row],
          members: top.indices.slice(row * k, row * k + size),
        });
      }
      if (pace.due) await pace.turn();
    }
    open = Uint32Array.from(full);
  }
  return found.sort((a, b) => a.center - b.center);
}

function pick({ data, dims }: CheckedMatrix, rows: Uint32Array): CheckedMatrix {
  const picked = new Float32Array(rows.length * dims);
  rows.forEach((row, i) => {
    picked.set(data.subarray(row * dims, (row + 1) * dims), i * dims);
  });
  return { data: picked, rows: rows.length, dims };
}

/** Lets the larger communities claim their members first. */
async function separate(
  candidates: Candidate[],
  rows: number,
  minSize: number,
  pace: Pace,
): Promise<number[][]> {
  const bySize = (a: { length: number }, b: { length: number }) => b.length - a.length;
  candidates.sort((a, b) => bySize(a.members, b.members));
  const claimed = new Uint8Array(rows);
  const communities: number[][] = [];
  for (const { center, members } of candidates) {
    if (pace.due) await pace.turn();
    if (claimed[center]) continue;
    const free = members.filter((member) => !claimed[member]);
    if (free.length < minSize) continue;
    const community = [center, ...free.filter((member) => member !== center)];
    for (const member of community) claimed[member] = 1;
    communities.push(community);
  }
  return communities.sort(bySize);
}
