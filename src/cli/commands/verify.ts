import type { Command } from 'commander';
import type { ParityReport } from '../../text/index.js';
import type { CliContext } from '../context.js';
import { dtypeOption, integerOption, loadModel, type ModelFlags, numberOption } from '../options.js';

interface VerifyFlags extends Omit<ModelFlags, 'model'> {
  golden: string;
  minCosine?: number;
  maxDifference?: number;
  json?: boolean;
}

export function registerVerify(program: Command, context: CliContext): void {
  program
    .command('verify')
    .description('Compare a model with what Python computes: token ids and vectors.')
    .argument('<model>', 'bundled model, org/name on the Hugging Face Hub, or ./folder')
    .requiredOption('-g, --golden <file>', 'the golden, written by make_goldens.py (see docs/parity.md)')
    .addOption(dtypeOption())
    .option('--threads <n>', 'inference threads (default: all cores)', integerOption(1, 1024))
    .option('--min-cosine <x>', 'least cosine (default: by the precision of the file)', numberOption(-1, 1))
    .option(
      '--max-difference <x>',
      'largest difference of a component (default: likewise)',
      numberOption(0, 2),
    )
    .option('--json', 'print one JSON object instead of text')
    .addHelpText(
      'after',
      `
Examples:
  $ python make_goldens.py BAAI/bge-small-en-v1.5 --out golden.json
  $ embedlane verify BAAI/bge-small-en-v1.5 --golden golden.json
  $ embedlane verify ./my-model --golden golden.json --dtype int8 --min-cosine 0.99`,
    )
    .action((model: string, flags: VerifyFlags) => verify({ ...flags, model }, context));
}

async function verify(flags: VerifyFlags & { model: string }, { signal }: CliContext): Promise<void> {
  const { compareWithGolden, readGolden } = await import('../../text/index.js');
  const golden = await readGolden(flags.golden);
  await using model = await loadModel(flags, signal);
  const { minCosine: cosine, maxDifference: difference } = flags;
  const report = await compareWithGolden(model, golden, { cosine, difference, signal });
  if (flags.json) process.stdout.write(`${JSON.stringify(report)}\n`);
  else print(report);
  if (!report.passed) process.exitCode = 1;
}

function print({ modelFile, tolerance, cases, passed }: ParityReport): void {
  const lines = [`${modelFile}: cosine ≥ ${tolerance.cosine}, difference ≤ ${tolerance.difference}`];
  for (const item of cases) {
    const ids =
      item.differentIds === undefined
        ? ''
        : item.differentIds.length === 0
          ? ', ids equal'
          : `, ids differ in ${item.differentIds.length} (first: text ${item.differentIds[0]})`;
    const vectors = `cosine ${item.cosine.toFixed(7)} (text ${item.worstText}), difference ${item.difference.toExponential(1)}`;
    lines.push(`${item.passed ? 'ok  ' : 'FAIL'}  ${item.name}: ${item.texts} texts${ids}, ${vectors}`);
  }
  lines.push(
    passed ? 'The model computes what the golden says.' : 'The model does not compute what the golden says.',
  );
  process.stdout.write(`${lines.join('\n')}\n`);
}
