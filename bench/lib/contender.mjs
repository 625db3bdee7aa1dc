/**
 * Contenders: one process each, so that none profits or suffers from another's heap, thread pool or library
 * version, and its memory and event loop can be watched alone. The parent asks, `lib/serve.mjs` answers.
 */
import { fork } from 'node:child_process';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import './no-telemetry.mjs';
import { cpuSeconds, machineBusySeconds, peakBytes, resetPeak } from './proc.mjs';

export class Contender {
  #child;
  #pending = new Map();
  #nextId = 0;

  /**
   * @param {string} name how tables call it
   * @param {string} file script, relative to bench/
   * @param {{ python?: string, env?: Record<string, string> }} [options] interpreter for a script in Python; variables
   *   that the process has besides
   */
  constructor(name, file, { python, env } = {}) {
    this.name = name;
    const path = fileURLToPath(new URL(`../${file}`, import.meta.url));
    this.#child = fork(path, [], {
      // The channel is a socket with JSON lines on it when asked so, which Python can speak too.
      ...(python ? { execPath: python, execArgv: [], serialization: 'json' } : { serialization: 'advanced' }),
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: { ...process.env, ...env },
    });
    let errors = '';
    this.#child.stderr.on('data', (part) => {
      errors = (errors + part).slice(-4000);
    });
    this.#child.on('message', ({ id, value, error }) => {
      const waiting = this.#pending.get(id);
      this.#pending.delete(id);
      if (error) waiting?.reject(new Error(`${name}: ${error}`));
      else waiting?.resolve(value);
    });
    this.#child.on('exit', (code, signal) => {
      for (const { reject } of this.#pending.values()) {
        reject(new Error(`${name} ended with ${signal ?? code}${errors ? `:\n${errors}` : ''}`));
      }
      this.#pending.clear();
    });
  }

  /** Calls one of the functions that the contender's script serves. */
  call(method, argument) {
    return new Promise((resolve, reject) => {
      const id = this.#nextId++;
      this.#pending.set(id, { resolve, reject });
      this.#child.send({ id, method, argument }, (error) => error && reject(error));
    });
  }

  /**
   * Like {@link call}, with what the operating system saw meanwhile: `cpu` seconds of the contender's tree,
   * `peak` bytes, and `foreign`: the share of the machine that everything else took, the noise of this round.
   */
  async measure(method, argument) {
    const { pid } = this.#child;
    resetPeak(pid);
    const before = { cpu: cpuSeconds(pid), busy: machineBusySeconds(), at: performance.now() };
    const value = await this.call(method, argument);
    const seconds = (performance.now() - before.at) / 1000;
    const busy = machineBusySeconds() - before.busy;
    const cpu = cpuSeconds(pid) - before.cpu;
    // Both clocks tick in hundredths of a second, so a short round can come out slightly below zero.
    const noise = Math.max(0, (busy - cpu) / (seconds * cpus().length));
    return { ...value, cpu, peak: peakBytes(pid), foreign: noise };
  }

  get pid() {
    return this.#child.pid;
  }

  async stop() {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    // A lane or a stuck library must not keep the benchmark alive.
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 5000);
    if (this.#child.connected) this.#child.disconnect();
    await ended;
    clearTimeout(timer);
  }
}
