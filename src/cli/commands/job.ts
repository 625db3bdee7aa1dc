import { type Command, Option } from 'commander';
import type { Dtype } from '../../hub/dtypes.js';
import type { JobQueue, JobStatus, WorkerEvent } from '../../jobs/index.js';
import type { CliContext } from '../context.js';
import { untilInterrupted } from '../interrupt.js';
import { DEFAULT_MODEL, dtypeOption, integerOption, numberOption, repeated } from '../options.js';
import { count, duration, rate } from '../output/format.js';
import { type ProgressBar, startProgressBar } from '../output/progress-bar.js';
import { type CollectionFlags, collectionOf, withCollection } from '../stores/collection-options.js';

interface QueueFlags {
  queue: string;
  json?: boolean;
}

interface SubmitFlags extends QueueFlags, CollectionFlags {
  store: string;
  model: string;
  dtype: Dtype;
  root?: string;
  carry?: boolean;
  field?: string;
  idField?: string;
  metadata?: string[];
  id?: string;
  shardRows?: number;
  attempts?: number;
}

interface WorkFlags extends QueueFlags {
  root?: string;
  concurrency?: number;
  takeover?: number;
  grace: number;
  exitWhenDone?: boolean;
  quiet?: boolean;
}

const DEFAULT_QUEUE = 'redis://localhost:6379';

export function registerJob(program: Command, context: CliContext): void {
  const job = program
    .command('job')
    .description('Embed on many machines: shards of the input go through a queue (Redis) into a store.');
  withCollection(withQueue(job.command('submit')))
    .description('Cut files into shards and queue them. The same command goes on with a job that is there.')
    .argument(
      '[files...]',
      'lines of text, .jsonl or .parquet, which the workers read; none reads lines from stdin',
    )
    .requiredOption(
      '--store <url>',
      'where the records go, or env:NAME: what that variable says at the workers',
    )
    .option('-m, --model <id>', 'model that the workers load', DEFAULT_MODEL)
    .addOption(dtypeOption())
    .option('--root <folder>', 'folder that the files are named relative to (default: the current one)')
    .option('--carry', 'send the texts through the queue, for workers without that folder')
    .option('--field <name>', 'field with the text (default: text)')
    .option('--id-field <name>', "field with the record's id (default: file and line)")
    .option('--metadata <name>', 'field that becomes metadata; may be repeated', repeated)
    .option('--id <id>', 'name of the job (default: made from what it is)')
    .option('--shard-rows <n>', 'most rows in a shard (default: 512)', integerOption(1, 100_000))
    .option('--attempts <n>', 'how often a shard is tried (default: 8)', integerOption(1, 1000))
    .addHelpText(
      'after',
      `
Examples:
  $ embedlane job submit reviews.jsonl --id-field sku --store postgres://user:password@db/app/reviews
  $ embedlane job work --root /mnt/corpus          as many of these as there are machines
  $ embedlane job status`,
    )
    .action((files: string[], flags: SubmitFlags) => submit(files, flags, context));
  withQueue(job.command('work'))
    .description('Do shards until told to stop: SIGTERM or Ctrl-C lets those under way end.')
    .option('--root <folder>', "where the jobs' files are on this machine")
    .option('--concurrency <n>', 'shards at a time (default: 2)', integerOption(1, 1000))
    .option(
      '--takeover <seconds>',
      "when a dead worker's shard goes to another (default: 30)",
      numberOption(1, 3600),
    )
    .option('--grace <seconds>', 'time for shards under way when told to stop', numberOption(0, 3600), 20)
    .option('--exit-when-done', 'stop when the queue is empty')
    .option('-q, --quiet', 'say only what went wrong')
    .action((flags: WorkFlags) => work(flags, context));
  withQueue(job.command('status'))
    .description('How far jobs are, what failed, and which items were set aside.')
    .argument('[id]', 'one job (default: all)')
    .action((id: string | undefined, flags: QueueFlags) => status(id, flags, context));
  withQueue(job.command('retry'))
    .description('Queue the failed shards of a job again.')
    .argument('<id>', 'the job')
    .action((id: string, flags: QueueFlags) =>
      withJobs(flags, context.signal, async (jobs) => {
        const shards = await jobs.retry(id);
        print(flags, { id, shards }, `${count(shards)} shards of ${id} are queued again`);
      }),
    );
  withQueue(job.command('cancel'))
    .description('Stop a job; what is stored stays. Submitting it again goes on with it.')
    .argument('<id>', 'the job')
    .option('--remove', 'forget it too')
    .action((id: string, flags: QueueFlags & { remove?: boolean }) =>
      withJobs(flags, context.signal, async (jobs) => {
        await jobs.cancel(id, { remove: flags.remove });
        print(flags, { id, cancelled: true }, `${id} is cancelled${flags.remove ? ' and forgotten' : ''}`);
      }),
    );
}

function withQueue(command: Command): Command {
  return command
    .addOption(
      new Option('--queue <url>', 'Redis: redis://user:password@host:6379/0?prefix=embedlane')
        .env('EMBEDLANE_QUEUE')
        .default(DEFAULT_QUEUE),
    )
    .option('--json', 'print JSON instead of text');
}

async function withJobs(
  flags: QueueFlags,
  signal: AbortSignal,
  use: (jobs: JobQueue) => Promise<void>,
): Promise<void> {
  const { JobQueue } = await import('../../jobs/index.js');
  await using jobs = await untilInterrupted(signal, () => JobQueue.open(flags.queue));
  await use(jobs);
}

function print({ json }: QueueFlags, value: object, text: string): void {
  process.stdout.write(json ? `${JSON.stringify(value)}\n` : `${text}\n`);
}

async function submit(files: string[], flags: SubmitFlags, { signal }: CliContext): Promise<void> {
  const { store, model, dtype, root, id, shardRows, attempts, field, idField, metadata } = flags;
  const fields = { text: field, id: idField, metadata };
  const carry = flags.carry || files.length === 0;
  const { carriedRecords } = await import('../input/carried.js');
  let bar: ProgressBar | undefined;
  await withJobs(flags, signal, async (jobs) => {
    const submitted = await jobs
      .submit({
        ...(carry ? { records: carriedRecords({ files, root, fields }) } : { inputs: files, fields }),
        store,
        model,
        dtype,
        root,
        id,
        shardRows,
        attempts,
        signal,
        collection: collectionOf(flags),
        onProgress: ({ completed }) => {
          bar ??= startProgressBar('Queueing', 'rows', 0);
          bar.update(completed);
        },
      })
      .finally(() => bar?.stop());
    const { items, shards } = submitted;
    print(flags, submitted, `${submitted.id}: ${count(items)} rows in ${count(shards.total)} shards`);
  });
}

async function work(flags: WorkFlags, { signal }: CliContext): Promise<void> {
  const stopped = new AbortController();
  const stop = () => stopped.abort();
  process.once('SIGTERM', stop);
  signal.addEventListener('abort', stop, { once: true });
  const told = new Promise<void>((resolve) => stopped.signal.addEventListener('abort', () => resolve()));
  try {
    const { JobWorker } = await import('../../jobs/index.js');
    const worker = await untilInterrupted(stopped.signal, () =>
      JobWorker.start(flags.queue, {
        root: flags.root,
        concurrency: flags.concurrency,
        takeover: flags.takeover && flags.takeover * 1000,
        onEvent: (event) => log(event, flags),
      }),
    ).catch((error: unknown) => {
      // SIGTERM ends it as it ends one that works.
      if (stopped.signal.aborted && !signal.aborted) return undefined;
      throw error;
    });
    if (worker === undefined) return;
    try {
      await (flags.exitWhenDone ? Promise.race([told, worker.drained()]) : told);
    } finally {
      await worker.close({ grace: flags.grace * 1000 });
    }
  } finally {
    process.off('SIGTERM', stop);
  }
}

function log(event: WorkerEvent, { json, quiet }: WorkFlags): void {
  const { type } = event;
  const error = 'error' in event && event.error instanceof Error ? event.error.message : undefined;
  if (json) {
    process.stdout.write(`${JSON.stringify({ ...event, error })}\n`);
  } else if (type === 'queue') {
    process.stderr.write(`Queue: ${error}\n`);
  } else if (type !== 'stored') {
    const said = { retry: 'will be tried again', failed: 'has failed', returned: 'is given back' }[type];
    process.stderr.write(`${event.job}: shard ${event.shard} ${said}${error ? `: ${error}` : ''}\n`);
  } else {
    for (const { place, message, code } of event.aside) {
      process.stderr.write(`${event.job}: ${place} is set aside: ${message} [${code}]\n`);
    }
    if (!quiet)
      process.stdout.write(`${event.job}: shard ${event.shard}, ${count(event.stored)} records stored\n`);
  }
}

async function status(id: string | undefined, flags: QueueFlags, { signal }: CliContext): Promise<void> {
  await withJobs(flags, signal, async (jobs) => {
    const ids = id === undefined ? await jobs.list() : [id];
    for (const one of ids) {
      const found = await jobs.status(one);
      print(flags, found, render(found));
    }
    if (ids.length === 0 && !flags.json) process.stdout.write('No jobs.\n');
  });
}

function render(job: JobStatus): string {
  const { items, stored, poisoned, shards } = job;
  const share = items === 0 ? 100 : ((stored + poisoned) / items) * 100;
  const lines = [
    `${job.id}  ${job.state}  ${job.model} → ${job.store}`,
    `  ${count(stored)} of ${count(items)} rows stored (${share.toFixed(1)} %), ${count(shards.done)} of ${count(shards.total)} shards`,
  ];
  if (job.state === 'running') {
    const left = job.timeLeft === undefined ? '' : `, ${duration(job.timeLeft)} left`;
    lines.push(`  ${rate(job.rate)} rows/s${left}`);
  }
  if (job.state === 'submitting') lines.push('  not all is queued; if no submit is running, run it again');
  if (poisoned > 0) lines.push(`  ${count(poisoned)} rows set aside:`);
  for (const { place, code, message } of job.poison) lines.push(`    ${place}: ${message} [${code}]`);
  if (shards.failed > 0)
    lines.push(`  ${count(shards.failed)} shards failed; embedlane job retry ${job.id}:`);
  for (const { shard, message } of job.failures) lines.push(`    shard ${shard}: ${message}`);
  return lines.join('\n');
}
