// A lane without a model, for the tests of what every lane has in common.
import { existsSync, writeFileSync } from 'node:fs';
import { threadId } from 'node:worker_threads';
import { guarded } from '#dist/runtime/exit-guard.js';
import { serveLane } from '#dist/runtime/lane-host.js';

let loads = 0;
/** Keeps memory, whose return to the system makes the end of this process take a while. */
let ballast;

serveLane(
  {
    load: async (params) => {
      loads++;
      if (params.fail) throw new Error(params.fail);
      if (params.dieOnce && !existsSync(params.dieOnce)) {
        writeFileSync(params.dieOnce, '');
        process.kill(process.pid, 'SIGKILL');
      }
      if (params.die) process.kill(process.pid, 'SIGKILL');
      return { pid: process.pid, loads };
    },
    echo: async (value) => value,
    variable: async (name) => process.env[name],
    who: async () => ({ pid: process.pid, thread: threadId }),
    grow: async (bytes) => {
      ballast = Buffer.alloc(bytes, 1);
      return ballast.length;
    },
    count: async (to, report) => {
      for (let i = 0; i < to; i++) report(i);
      return 'done';
    },
    fail: async () => {
      throw new Error('on purpose');
    },
    hang: () => new Promise(() => {}),
    // As a run of onnxruntime: on this thread, for so long.
    block: (milliseconds) =>
      guarded(async () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds)),
    die: async ({ how, words }) => {
      console.log('this must not reach the output of the program');
      process.stderr.write(words);
      if (how === 'exit') process.exit(42);
      process.kill(process.pid, how);
    },
  },
  {},
);
