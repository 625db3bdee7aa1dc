import { createHash, type Hash } from 'node:crypto';
import { access, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Destination } from '../../core/atomic-file.js';
import { EmbedlaneError } from '../../core/errors.js';
import { io } from '../../core/io.js';
import { loadBinding } from '../../native/load.js';
import type { EncodedTexts, RowLabels } from '../output/rows.js';
import type { VectorFormat } from '../output/vector-format.js';
import { openSink, type VectorSink } from '../output/vector-sink.js';
import {
  type Checkpoint,
  isComplete,
  jobFiles,
  readCheckpoint,
  removeCheckpoint,
  removeProgress,
  writeCheckpoint,
} from './checkpoint.js';
import { type JobIdentity, requireSame } from './identity.js';

export interface JobRequest {
  out: Destination;
  format: VectorFormat;
  labels: RowLabels;
  identity: JobIdentity;
  /** True: there must be something to go on with. False: what there is is thrown away. */
  resume: boolean | undefined;
  /** Least milliseconds between two checkpoints: what a killed process loses, besides the windows under way. */
  interval: number;
}

/**
 * A job whose output is a file, which survives its process: rows go to a file beside the output, and now and then a
 * checkpoint says how many of them are on the disk. The next process with the same job goes on from there.
 */
export class BulkJob {
  /** Texts that are done already. */
  readonly texts: number;
  readonly #request: JobRequest;
  readonly #sink: VectorSink;
  readonly #hash: Hash = createHash('sha256');
  /** Hash of the first {@link texts}, as an earlier process saw them. */
  readonly #expected: string | undefined;
  readonly #release: () => void;
  #kept = false;
  #last = performance.now();

  private constructor(
    request: JobRequest,
    sink: VectorSink,
    checkpoint: Checkpoint | undefined,
    release: () => void,
  ) {
    this.#request = request;
    this.#sink = sink;
    this.texts = checkpoint?.sink.texts ?? 0;
    this.#expected = checkpoint?.texts;
    this.#release = release;
    this.#kept = checkpoint !== undefined;
  }

  /**
   * @returns undefined if an earlier process has completed the output
   * @throws {EmbedlaneError} `ERR_LOCKED` if another process is at it, `ERR_INVALID_ARG` if an earlier process was
   *   at another job, `ERR_CORRUPT`, `ERR_VERSION`, `ERR_IO`
   */
  static async open(request: JobRequest): Promise<BulkJob | undefined> {
    const { format, labels, identity, resume } = request;
    const out = request.out.target;
    const { temporary, lock } = jobFiles(out);
    // Before files with names that the user never gave.
    await io(out, () => access(dirname(out)));
    const release = lockJob(lock, out);
    let checkpoint: Checkpoint | undefined;
    try {
      if (resume === false) await removeProgress(out);
      else checkpoint = await readCheckpoint(out);
      if (!checkpoint && resume) {
        const message = `Expected what an earlier run has left to go on with beside ${out} but received nothing`;
        throw new EmbedlaneError('ERR_INVALID_ARG', message);
      }
      if (checkpoint) requireSame(checkpoint.identity, identity, out);
      if (checkpoint && (await isComplete(out, checkpoint))) {
        await removeCheckpoint(out);
        release();
        return undefined;
      }
      const sink = await openSink(request.out, format, labels, { temporary, state: checkpoint?.sink });
      return new BulkJob(request, sink, checkpoint, release);
    } catch (error) {
      if (!checkpoint) await rm(lock, { force: true });
      release();
      throw error;
    }
  }

  /**
   * The texts that are still to be done.
   *
   * @throws {EmbedlaneError} `ERR_INVALID_ARG` if the first ones are not those whose rows are there
   */
  async *remaining(texts: AsyncIterable<string>): AsyncGenerator<string> {
    let index = 0;
    for await (const text of texts) {
      if (index >= this.texts) {
        yield text;
        continue;
      }
      this.#hashText(text);
      if (++index === this.texts) this.#requireSameTexts();
    }
    if (index < this.texts) throw this.#changed(`${index} of ${this.texts} texts`);
  }

  async write(window: EncodedTexts): Promise<void> {
    await this.#sink.write(window);
    for (const text of window.texts) this.#hashText(text);
    if (performance.now() - this.#last >= this.#request.interval) await this.#checkpoint(false);
  }

  /** Gives the output its name. */
  async complete(): Promise<void> {
    await this.#checkpoint(true);
    await this.#sink.close();
    await removeCheckpoint(this.#request.out.target);
    this.#release();
  }

  /**
   * Ends without completing.
   *
   * @returns whether there is something to go on with
   */
  async interrupt(): Promise<boolean> {
    if (this.#kept) {
      await this.#sink.suspend();
    } else {
      await this.#sink.discard();
      await removeCheckpoint(this.#request.out.target);
    }
    this.#release();
    return this.#kept;
  }

  async #checkpoint(complete: boolean): Promise<void> {
    const { out, identity } = this.#request;
    const sink = await this.#sink.checkpoint();
    const texts = this.#hash.copy().digest('hex');
    await writeCheckpoint(out.target, { identity, sink, texts, complete });
    this.#kept = true;
    this.#last = performance.now();
  }

  /** With its length before it, so that no two lists of texts are the same to the hash. */
  #hashText(text: string): void {
    this.#hash.update(`${text.length}:${text}`);
  }

  #requireSameTexts(): void {
    if (this.#hash.copy().digest('hex') !== this.#expected) throw this.#changed('others');
  }

  #changed(actual: string): EmbedlaneError {
    return new EmbedlaneError(
      'ERR_INVALID_ARG',
      `Expected the same texts in the input as when ${this.#request.out.target} was begun but received ${actual}; ` +
        '--no-resume starts again',
    );
  }
}

/** @returns what ends the lock; where there is no addon, there is no lock */
function lockJob(path: string, out: string): () => void {
  const binding = loadBinding();
  if (binding.backend !== 'native') return () => {};
  const release = binding.lockFile(path);
  if (release) return release;
  throw new EmbedlaneError(
    'ERR_LOCKED',
    `Expected to be the only process that writes ${out} but there is another`,
  );
}
