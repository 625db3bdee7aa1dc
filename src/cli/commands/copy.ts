import type { Command } from 'commander';
import type { StoreFilter } from '../../stores/index.js';
import type { CliContext } from '../context.js';
import { untilInterrupted } from '../interrupt.js';
import { integerOption } from '../options.js';
import { report } from '../output/report.js';
import { type CollectionFlags, collectionOf, withCollection } from '../stores/collection-options.js';
import { filterOption } from '../stores/filter-option.js';

interface CopyFlags extends CollectionFlags {
  filter?: StoreFilter;
  after?: string;
  batchSize?: number;
  json?: boolean;
}

export function registerCopy(program: Command, context: CliContext): void {
  withCollection(program.command('copy'))
    .description('Copy all records, vectors included, from one store to another.')
    .argument('<from>', 'URL of the store to read')
    .argument('<to>', 'URL of the store to write; it is made if it is not there')
    .option('--filter <json>', 'only records that match', filterOption)
    .option('--after <id>', 'only records with an id after this one')
    .option('--batch-size <n>', 'records in one request', integerOption(1, 10_000))
    .option('--json', 'print one JSON object instead of text')
    .addHelpText(
      'after',
      `
Examples:
  $ embedlane copy file:///srv/notes postgres://user:password@localhost/app/notes
  $ embedlane copy notes milvus://localhost:19530/notes --store-dtype f16 --index-type hnsw
  $ embedlane copy notes backup --filter '{"field": "year", "gte": 2024}'`,
    )
    .action((from: string, to: string, flags: CopyFlags) => copy(from, to, flags, context));
}

async function copy(from: string, to: string, flags: CopyFlags, { signal }: CliContext): Promise<void> {
  const { json, filter, after, batchSize } = flags;
  const [{ copyStore, openStore }, { withoutPassword }, { openExisting }] = await Promise.all([
    import('../../stores/index.js'),
    import('../../stores/base/url.js'),
    import('../stores/open-existing.js'),
  ]);
  await using source = await openExisting(from, signal);
  await using target = await untilInterrupted(signal, () => openStore(to));
  await report('Copying', { json }, { from: withoutPassword(from), to: withoutPassword(to) }, (onProgress) =>
    copyStore(source, target, { ...collectionOf(flags), filter, after, batchSize, signal, onProgress }),
  );
}
