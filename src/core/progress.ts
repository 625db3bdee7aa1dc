/** How far a long call has come. `completed` never decreases and equals `total` in the last report. */
export interface Progress {
  /** Items finished, for example texts embedded. */
  readonly completed: number;
  /** Items asked for. */
  readonly total: number;
  /** Tokens run through the model so far, padding included, where the work has tokens. */
  readonly tokens?: number;
}

export type OnProgress = (progress: Progress) => void;
