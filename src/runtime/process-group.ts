/** Whether a lane's process leads a group of its own, in which what it starts is too. */
export const OWN_GROUP = process.platform !== 'win32';

/**
 * Ends a lane's process and what it started, by one signal of the kernel: a decoder that hangs would live on. Does nothing if
 * all of them have ended.
 *
 * @param leader the lane's process id
 */
export function endGroup(leader: number): void {
  try {
    process.kill(OWN_GROUP ? -leader : leader, 'SIGKILL');
  } catch {
    // ESRCH, or EPERM where the system says so of groups that have ended.
  }
}
