import type { Command } from 'commander';
import type { CliContext } from '../context.js';
import { loadModel, type ModelFlags, withModel } from '../options.js';

interface SimilarityFlags extends ModelFlags {
  json?: boolean;
}

export function registerSimilarity(program: Command, context: CliContext): void {
  withModel(program.command('similarity'))
    .description("Similarity of texts by the model's own similarity function.")
    .argument('<a>', 'a text')
    .argument('<b...>', 'one or more texts to compare it with')
    .option('--json', 'print one JSON object instead of text')
    .addHelpText(
      'after',
      `
Examples:
  $ embedlane similarity "a cat" "a kitten"
  $ embedlane similarity "a cat" "a kitten" "a stock exchange"`,
    )
    .action((a: string, b: string[], flags: SimilarityFlags) => similarity(a, b, flags, context));
}

async function similarity(
  a: string,
  b: string[],
  flags: SimilarityFlags,
  { signal }: CliContext,
): Promise<void> {
  await using model = await loadModel(flags, signal);
  const left = await model.encode([a], { signal });
  const right = await model.encode(b, { signal });
  const scores = Array.from(model.similarity(left, right).data);
  if (flags.json) {
    process.stdout.write(`${JSON.stringify({ a, b, scores })}\n`);
  } else if (b.length === 1) {
    process.stdout.write(`${scores[0].toFixed(4)}\n`);
  } else {
    for (const [i, score] of scores.entries()) process.stdout.write(`${score.toFixed(4)}  ${b[i]}\n`);
  }
}
