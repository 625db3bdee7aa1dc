import { availableParallelism } from 'node:os';
import type { OnProgress } from '../../core/progress.js';
import { oneOf, optionalFunction, optionalInteger, optionalSignal } from '../../core/validate.js';

/** What everything that searches has in common. */
export interface SearchOptions {
  /** Threads to search with, at most 128. The result does not depend on it. @default os.availableParallelism() */
  threads?: number;
  /** Stops the work soon; the promise rejects with `ERR_ABORTED`. */
  signal?: AbortSignal;
}

/** What the analyses that compare all rows with all rows have in common. */
export interface AnalysisOptions extends SearchOptions {
  /** Called as rows are done. */
  onProgress?: OnProgress;
}

export const SEARCH_OPTIONS = ['threads', 'signal'] as const;
export const ANALYSIS_OPTIONS = [...SEARCH_OPTIONS, 'onProgress'] as const;

/** Similarities, for which larger is nearer. */
export const SIMILARITIES = ['cosine', 'dot'] as const;
export type SimilarityKind = (typeof SIMILARITIES)[number];

const MAX_THREADS = 128;

export function checkSearch({ threads, signal }: SearchOptions): SearchOptions {
  return {
    threads: optionalInteger('options.threads', threads, 1, MAX_THREADS),
    signal: optionalSignal('options.signal', signal),
  };
}

export function threadsOf({
  threads = Math.min(availableParallelism(), MAX_THREADS),
}: SearchOptions): number {
  return threads;
}

export function checkAnalysis(options: AnalysisOptions): AnalysisOptions {
  return { ...checkSearch(options), onProgress: optionalFunction('options.onProgress', options.onProgress) };
}

export function similarityKind(value: unknown): SimilarityKind {
  return oneOf('options.metric', value, SIMILARITIES);
}
