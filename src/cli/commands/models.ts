import type { Command } from 'commander';
import type { CachedModel } from '../../hub/index.js';
import type { CliContext } from '../context.js';
import { untilInterrupted } from '../interrupt.js';
import { bytes } from '../output/format.js';

interface Flags {
  json?: boolean;
}

const hub = () => import('../../hub/index.js');

export function registerModels(program: Command, { signal }: CliContext): void {
  const models = program
    .command('models')
    .description('Models in the cache, which is shared with Python: list, size, remove, verify.')
    .addHelpText(
      'after',
      `
Examples:
  $ embedlane models list
  $ embedlane models verify
  $ embedlane models remove BAAI/bge-small-en-v1.5`,
    );
  withJson(models.command('list', { isDefault: true }))
    .description('Models with their revisions, ONNX files and sizes.')
    .action((flags: Flags) => list(flags));
  withJson(models.command('size'))
    .description('How much space the models take.')
    .action((flags: Flags) => size(flags));
  withJson(models.command('remove'))
    .description('Remove models from the cache.')
    .argument('<names...>', 'org/name')
    .action((names: string[], flags: Flags) => remove(names, flags));
  withJson(models.command('verify'))
    .description('Check every file against its hash; exit 1 if one is damaged.')
    .argument('[names...]', 'org/name; none checks all')
    .action((names: string[], flags: Flags) => verify(names, flags, signal));
}

function withJson(command: Command): Command {
  return command.option('--json', 'print JSON instead of text');
}

async function list({ json }: Flags): Promise<void> {
  const { cachedModels, checkHubOptions } = await hub();
  const { cacheDir } = checkHubOptions({});
  const models = await cachedModels(cacheDir);
  if (json) return print(JSON.stringify({ cacheDir, models }));
  const width = Math.max(0, ...models.map(({ name }) => name.length));
  for (const model of models)
    print(`${model.name.padEnd(width)}  ${bytes(model.bytes).padStart(8)}  ${details(model)}`);
  print(`${models.length === 0 ? 'No' : models.length} models in ${cacheDir}`);
}

function details({ snapshots, incompleteBytes }: CachedModel): string {
  const revisions = snapshots.map(({ commit, revisions, files }) => {
    const graphs = files.filter((file) => file.endsWith('.onnx'));
    return `${revisions.join(', ') || commit.slice(0, 12)}: ${graphs.join(', ') || 'no ONNX file'}`;
  });
  if (incompleteBytes > 0) revisions.push(`${bytes(incompleteBytes)} of an interrupted download`);
  return revisions.join('; ');
}

async function size({ json }: Flags): Promise<void> {
  const { cachedModels, checkHubOptions } = await hub();
  const { cacheDir } = checkHubOptions({});
  const models = await cachedModels(cacheDir);
  const total = models.reduce((sum, model) => sum + model.bytes, 0);
  if (json) {
    const sizes = Object.fromEntries(models.map((model) => [model.name, model.bytes]));
    return print(JSON.stringify({ cacheDir, bytes: total, models: sizes }));
  }
  print(`${bytes(total)} in ${models.length} models in ${cacheDir}`);
}

async function remove(names: string[], { json }: Flags): Promise<void> {
  const { checkHubOptions, parseModelId, removeCachedModel } = await hub();
  const { cacheDir } = checkHubOptions({});
  for (const name of names.map((id) => parseModelId(id).name)) {
    const freed = await removeCachedModel(cacheDir, name);
    print(json ? JSON.stringify({ name, freed }) : `${name}  removed, ${bytes(freed)} freed`);
  }
}

async function verify(given: string[], { json }: Flags, signal: AbortSignal): Promise<void> {
  const { cachedModels, checkCachedModel, checkHubOptions, parseModelId } = await hub();
  const { cacheDir } = checkHubOptions({});
  const names = given.map((id) => parseModelId(id).name);
  if (names.length === 0) {
    const models = await cachedModels(cacheDir);
    names.push(...models.filter(({ snapshots }) => snapshots.length > 0).map(({ name }) => name));
  }
  for (const name of names) {
    const check = await untilInterrupted(signal, () => checkCachedModel(cacheDir, name));
    if (check.damaged.length > 0) process.exitCode = 1;
    if (json) {
      print(JSON.stringify(check));
      continue;
    }
    const unknown = check.unknown.length > 0 ? `, ${check.unknown.length} of unknown hash` : '';
    print(
      `${check.damaged.length > 0 ? '✗' : '✓'} ${name}  ${check.whole} files as they should be${unknown}`,
    );
    for (const path of check.damaged) print(`  damaged: ${path}`);
    if (check.damaged.length > 0) print(`  → embedlane pull ${name}`);
  }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
