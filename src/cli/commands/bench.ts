import { availableParallelism } from 'node:os';
import { type Command, InvalidArgumentError } from 'commander';
import { DTYPES, type Dtype } from '../../native/binding.js';
import type { VectorsFlags } from '../bench/vectors.js';
import type { CliContext } from '../context.js';
import { integerOption } from '../options.js';

export function registerBench(program: Command, context: CliContext): void {
  program
    .command('bench')
    .description('How fast this machine is, beside what it can do at most.')
    .command('vectors')
    .description('Exact search: operations and bytes a second, and their share of the measured limits.')
    .option('--rows <n>', 'vectors in the corpus', integerOption(1, 100_000_000), 100_000)
    .option('--dims <n>', 'dimensions', integerOption(1, 65_536), 384)
    .option('--dtypes <list>', `elements, from ${DTYPES.join(',')}`, dtypesOption, [...DTYPES])
    .option('--threads <n>', 'threads', integerOption(1, 128), Math.min(availableParallelism(), 128))
    .option('--json', 'print one JSON object instead of a table')
    .addHelpText(
      'after',
      `
Examples:
  $ embedlane bench vectors
  $ embedlane bench vectors --rows 1000000 --dims 768 --dtypes f32,i8 --json`,
    )
    .action(async (flags: VectorsFlags) => {
      const { benchVectors } = await import('../bench/vectors.js');
      await benchVectors(flags, context);
    });
}

function dtypesOption(value: string): Dtype[] {
  const wanted = value.split(',');
  const unknown = wanted.find((dtype) => !DTYPES.includes(dtype as Dtype));
  if (unknown !== undefined) {
    throw new InvalidArgumentError(`Expected some of ${DTYPES.join(',')} but received '${unknown}'.`);
  }
  return DTYPES.filter((dtype) => wanted.includes(dtype));
}
