/**
 * What Linux says about a contender from outside: memory and processor time of its whole process tree, because
 * one contender works in its main process and another in children of it. Elsewhere every figure is undefined.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

/** Clock ticks per second of /proc/PID/stat; 100 on every Linux that Node supports. */
const TICKS = 100;

export const supported = process.platform === 'linux';

function stat(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command name is in parentheses and may hold spaces and parentheses.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { parent: Number(fields[1]), seconds: (Number(fields[11]) + Number(fields[12])) / TICKS };
  } catch {
    return undefined; // ended while we looked
  }
}

/** `pid` and every living descendant of it. */
export function tree(pid) {
  if (!supported) return [];
  const parents = new Map();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const found = stat(name);
    if (found) parents.set(Number(name), found.parent);
  }
  const members = [pid];
  for (let i = 0; i < members.length; i++) {
    for (const [child, parent] of parents) if (parent === members[i]) members.push(child);
  }
  return members;
}

/** User and system time of a tree so far, in seconds. */
export function cpuSeconds(pid) {
  if (!supported) return undefined;
  return tree(pid).reduce((sum, member) => sum + (stat(member)?.seconds ?? 0), 0);
}

/** Starts a new high-water mark of resident memory for a tree. */
export function resetPeak(pid) {
  for (const member of tree(pid)) {
    try {
      writeFileSync(`/proc/${member}/clear_refs`, '5');
    } catch {
      // Not permitted in some containers: the mark then counts from the start of the process.
    }
  }
}

/** Sum of the high-water marks of a tree in bytes. Pages shared between its processes count more than once. */
export function peakBytes(pid) {
  if (!supported) return undefined;
  let bytes = 0;
  for (const member of tree(pid)) {
    try {
      const line = readFileSync(`/proc/${member}/status`, 'utf8').match(/^VmHWM:\s+(\d+) kB/m);
      if (line) bytes += Number(line[1]) * 1024;
    } catch {
      // ended while we looked
    }
  }
  return bytes;
}

/** Resident memory in bytes of a tree, or of some of its members. Pages shared between them count more than once. */
export function residentBytes(pid, members = tree(pid)) {
  if (!supported) return undefined;
  let bytes = 0;
  for (const member of members) {
    try {
      const line = readFileSync(`/proc/${member}/status`, 'utf8').match(/^VmRSS:\s+(\d+) kB/m);
      if (line) bytes += Number(line[1]) * 1024;
    } catch {
      // ended while we looked
    }
  }
  return bytes;
}

/** Busy time of all processors since boot, in seconds, time stolen by other virtual machines included. */
export function machineBusySeconds() {
  if (!supported) return undefined;
  const [user, nice, system, , , irq, softirq, steal] = readFileSync('/proc/stat', 'utf8')
    .split('\n')[0]
    .trim()
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return (user + nice + system + irq + softirq + (steal ?? 0)) / TICKS;
}
