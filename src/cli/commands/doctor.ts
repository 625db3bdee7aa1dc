import type { Command } from 'commander';
import type { CliContext } from '../context.js';
import { untilInterrupted } from '../interrupt.js';

export function registerDoctor(program: Command, { signal }: CliContext): void {
  program
    .command('doctor')
    .description('Show what this machine and this install can do, and what is missing.')
    .option('--json', 'print one JSON object instead of text')
    .addHelpText(
      'after',
      `
Examples:
  $ embedlane doctor
  $ embedlane doctor --json`,
    )
    .action(async (flags: { json?: boolean }) => {
      const { doctor } = await import('../doctor/doctor.js');
      await untilInterrupted(signal, () => doctor(flags));
    });
}
