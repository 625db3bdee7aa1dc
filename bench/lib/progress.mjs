const live = process.stderr.isTTY;
const started = performance.now();

/**
 * Says what runs now: one line that rewrites itself on a terminal, one line per step elsewhere (a log of CI must
 * show where a run hung).
 */
export function progress(text) {
  const seconds = ((performance.now() - started) / 1000).toFixed(0).padStart(4);
  if (live) process.stderr.write(`\r\x1b[K${seconds} s  ${text}`);
  else process.stderr.write(`${seconds} s  ${text}\n`);
}

/** Removes the progress line before a table is printed. */
export function progressDone() {
  if (live) process.stderr.write('\r\x1b[K');
}
