import type { Command } from 'commander';
import type { Dtype, FileSelector, ModelLocation } from '../../hub/index.js';
import type { CliContext } from '../context.js';
import { dtypeOption } from '../options.js';
import { bytes } from '../output/format.js';
import { downloadBar } from '../output/progress-bar.js';

interface PullFlags {
  dtype: Dtype;
  revision?: string;
  json?: boolean;
}

export function registerPull(program: Command, context: CliContext): void {
  program
    .command('pull')
    .description('Download models, or bring those in the cache up to date, and check every file of them.')
    .argument('<ids...>', 'org/name or org/name@revision on the Hugging Face Hub')
    .addOption(dtypeOption())
    .option('--revision <name>', 'branch, tag or commit')
    .option('--json', 'print one JSON object a model instead of text')
    .addHelpText(
      'after',
      `
Examples:
  $ embedlane pull BAAI/bge-small-en-v1.5
  $ embedlane pull --dtype int8 Xenova/multilingual-e5-small@main
  $ HF_ENDPOINT=https://hf-mirror.com embedlane pull BAAI/bge-m3`,
    )
    .action((ids: string[], flags: PullFlags) => pull(ids, flags, context));
}

async function pull(ids: string[], flags: PullFlags, { signal }: CliContext): Promise<void> {
  const { dtype, revision } = flags;
  const { checkHubOptions, resolveModel } = await import('../../hub/index.js');
  const select = await pullableFiles(dtype);
  for (const id of ids) {
    const { onProgress, stop } = downloadBar();
    let location: ModelLocation;
    try {
      const hub = checkHubOptions({ revision, onProgress });
      location = await resolveModel(id, { hub, select, signal, refresh: true, verify: true });
    } finally {
      stop();
    }
    process.stdout.write(`${flags.json ? JSON.stringify(summary(location)) : describe(location)}\n`);
  }
}

/**
 * What of a repository any class here can load: a static model's table, ONNX graphs with the heads of bge-m3, or, where
 * there is none of them, files of word vectors.
 */
async function pullableFiles(dtype: Dtype): Promise<FileSelector> {
  const [{ m3HeadFiles }, { isWordVectorFile }, { textModelFiles }] = await Promise.all([
    import('../../heads/m3-files.js'),
    import('../../static/index.js'),
    import('../../text/index.js'),
  ]);
  const modelFiles = textModelFiles({ dtype });
  return async (repository) => {
    const words = repository.files.filter(isWordVectorFile);
    const only = words.length > 0 && !repository.files.some((file) => file.endsWith('.onnx'));
    return only ? words : [...(await modelFiles(repository)), ...m3HeadFiles(repository.files)];
  };
}

function summary({ id, folder, snapshot }: ModelLocation) {
  const { commit, files, downloaded } = snapshot ?? { commit: null, files: null, downloaded: 0 };
  return { id, folder, commit, files, downloaded };
}

function describe({ id, folder, snapshot }: ModelLocation): string {
  if (!snapshot) return `${id}  needs no download\n  ${folder}`;
  const { commit, files, downloaded } = snapshot;
  const news = downloaded > 0 ? `${bytes(downloaded)} downloaded` : 'up to date';
  return `${id}  commit ${commit.slice(0, 12)}  ${files.length} files, ${news}\n  ${folder}`;
}
