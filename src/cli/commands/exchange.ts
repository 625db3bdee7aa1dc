import type { Command } from 'commander';
import type { StoreFilter } from '../../stores/index.js';
import type { CliContext } from '../context.js';
import { untilInterrupted } from '../interrupt.js';
import { integerOption, repeated } from '../options.js';
import { report } from '../output/report.js';
import { type CollectionFlags, collectionOf, withCollection } from '../stores/collection-options.js';
import { filterOption } from '../stores/filter-option.js';

interface ImportFlags extends CollectionFlags {
  id?: string;
  vector?: string;
  document?: string;
  metadata?: string[];
  records?: string;
  skip?: number;
  batchSize?: number;
  json?: boolean;
}

export function registerImport(program: Command, { signal }: CliContext): void {
  withCollection(program.command('import'))
    .description('Store the records of a Parquet, JSON-lines or NumPy file, vectors included.')
    .argument('<file>', '.parquet, .jsonl or .npy')
    .argument('<store>', 'URL of the store; it is made if it is not there')
    .option('--id <field>', 'field with the id (default: id)')
    .option('--vector <field>', 'field with the vector (default: vector)')
    .option('--document <field>', 'field with the text (default: document)')
    .option(
      '--metadata <field>',
      'field that becomes metadata; may be repeated (default: all in metadata)',
      repeated,
    )
    .option('--records <file>', 'JSON lines with ids and the rest for a .npy file (default: beside it)')
    .option('--skip <n>', 'leave out the first records', integerOption(0, Number.MAX_SAFE_INTEGER))
    .option('--batch-size <n>', 'records in one request', integerOption(1, 1_000_000))
    .option('--json', 'print one JSON object instead of text')
    .addHelpText(
      'after',
      `
Examples:
  $ embedlane import notes.parquet postgres://user:password@localhost/app/notes
  $ embedlane embed big.jsonl --out big.parquet
  $ embedlane import big.parquet notes --id index --vector embedding --document text`,
    )
    .action(async (file: string, url: string, flags: ImportFlags) => {
      const { id, vector, document, metadata, records, skip, batchSize } = flags;
      const { importRecords, openStore, withoutPassword } = await stores();
      await using store = await untilInterrupted(signal, () => openStore(url));
      await report('Importing', flags, { from: file, to: withoutPassword(url) }, (onProgress) =>
        importRecords(file, store, {
          fields: { id, vector, document, metadata },
          collection: collectionOf(flags),
          records,
          skip,
          batchSize,
          signal,
          onProgress,
        }),
      );
    });
}

interface ExportFlags {
  filter?: StoreFilter;
  json?: boolean;
}

export function registerExport(program: Command, { signal }: CliContext): void {
  program
    .command('export')
    .description('Write the records of a store, vectors included, to a Parquet, JSON-lines or NumPy file.')
    .argument('<store>', 'URL of the store')
    .argument('<file>', '.parquet, .jsonl, or .npy with a .jsonl beside it')
    .option('--filter <json>', 'only records that match', filterOption)
    .option('--json', 'print one JSON object instead of text')
    .action(async (url: string, file: string, { filter, json }: ExportFlags) => {
      const { exportRecords, withoutPassword } = await stores();
      const { openExisting } = await import('../stores/open-existing.js');
      await using store = await openExisting(url, signal);
      await report('Exporting', { json }, { from: withoutPassword(url), to: file }, (onProgress) =>
        exportRecords(store, file, { filter, signal, onProgress }),
      );
    });
}

async function stores() {
  const [all, { withoutPassword }] = await Promise.all([
    import('../../stores/index.js'),
    import('../../stores/base/url.js'),
  ]);
  return { ...all, withoutPassword };
}
