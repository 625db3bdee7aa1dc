/** What a command needs from the outside. */
export interface CliContext {
  /** Fires on the first Ctrl-C, so that a command can leave no half-written file behind. */
  readonly signal: AbortSignal;
}
