import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const START_TIMEOUT = 60_000;
const ATTEMPTS = 3;

/** A port that nobody listens on. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer().once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

/** A database server in a process of its own, with a folder of its own, on a port of this machine. */
export class DatabaseServer {
  /**
   * @param name for messages and for the folder
   * @param launch `(port, folder) → { command, args, env? }`
   */
  constructor(name, launch) {
    this.name = name;
    this.launch = launch;
    this.folder = mkdtempSync(join(tmpdir(), `embedlane-${name}-`));
    this.process = undefined;
    this.stopAtExit = () => this.process?.kill('SIGKILL');
    process.once('exit', this.stopAtExit);
  }

  /** Starts it, or starts it again with the data that it had, on the same port; resolves when it listens. */
  async start() {
    const isFirst = this.port === undefined;
    for (let attempt = 1; ; attempt++) {
      if (isFirst) this.port = await freePort();
      try {
        await this.launchOnce();
        return this;
      } catch (error) {
        // Somebody else may have taken the port meanwhile.
        if (!isFirst || attempt === ATTEMPTS) throw error;
      }
    }
  }

  async launchOnce() {
    const { command, args, env } = this.launch(this.port, this.folder);
    const log = join(this.folder, 'server.log');
    const output = openSync(log, 'a');
    this.process = spawn(command, args, {
      stdio: ['ignore', output, output],
      env: { ...process.env, ...env },
      cwd: this.folder,
    });
    closeSync(output);
    let failure;
    this.process.once('error', (error) => {
      failure = error;
    });
    const deadline = Date.now() + START_TIMEOUT;
    while (!(await listens(this.port))) {
      if (failure || this.process.exitCode !== null || Date.now() > deadline) {
        const said = readFileSync(log, 'utf8').slice(-2000);
        await this.kill();
        throw new Error(`${this.name} did not start: ${failure ?? ''} ${said}`);
      }
      await delay(50);
    }
  }

  /** Ends the process as a power cut would. */
  async kill() {
    const { process: child } = this;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null || !child.pid) return;
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
  }

  /** Ends the process and removes its data. */
  async stop() {
    await this.kill();
    process.off('exit', this.stopAtExit);
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

function listens(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
