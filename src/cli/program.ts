import { createRequire } from 'node:module';
import { Command, CommanderError } from 'commander';
import { EmbedlaneError } from '../core/errors.js';
import { ioError } from '../core/io.js';
import type { CliContext } from './context.js';
import { EXIT } from './exit.js';

const { version } = createRequire(import.meta.url)('../../package.json') as { version: string };

type Register = (program: Command, context: CliContext) => void;

/** By name and in the order of `--help`. Loaded when asked for: all of them together take a third of a second. */
const COMMANDS: Readonly<Record<string, () => Promise<Register>>> = {
  embed: async () => (await import('./commands/embed.js')).registerEmbed,
  index: async () => (await import('./commands/build-index.js')).registerIndex,
  search: async () => (await import('./commands/search.js')).registerSearch,
  copy: async () => (await import('./commands/copy.js')).registerCopy,
  import: async () => (await import('./commands/exchange.js')).registerImport,
  export: async () => (await import('./commands/exchange.js')).registerExport,
  job: async () => (await import('./commands/job.js')).registerJob,
  similarity: async () => (await import('./commands/similarity.js')).registerSimilarity,
  pull: async () => (await import('./commands/pull.js')).registerPull,
  models: async () => (await import('./commands/models.js')).registerModels,
  serve: async () => (await import('./commands/serve.js')).registerServe,
  verify: async () => (await import('./commands/verify.js')).registerVerify,
  doctor: async () => (await import('./commands/doctor.js')).registerDoctor,
  bench: async () => (await import('./commands/bench.js')).registerBench,
};

/**
 * Runs the command line and returns its exit code.
 *
 * @param args arguments after the program's name
 */
export async function runCli(args: readonly string[]): Promise<number> {
  const interrupt = new AbortController();
  const onInterrupt = () => {
    if (interrupt.signal.aborted) process.exit(EXIT.interrupted);
    interrupt.abort();
  };
  process.on('SIGINT', onInterrupt);
  const json = args.includes('--json');
  // A server goes on when nobody reads its log any more.
  process.stderr.on('error', () => {});
  // A reader that has seen enough (`| head`) is not an error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT.ok);
    process.exit(report(ioError('to write all', 'stdout', error), json, false));
  });

  try {
    const program = await buildProgram({ signal: interrupt.signal }, neededFor(args[0]), json);
    await program.parseAsync(args, { from: 'user' });
    // A command that prints its findings and still failed (doctor) has set it.
    return Number(process.exitCode ?? EXIT.ok);
  } catch (error) {
    return report(error, json, interrupt.signal.aborted);
  } finally {
    process.off('SIGINT', onInterrupt);
  }
}

/** Names of the commands that the first argument may be about: what is none of them gets help on all. */
function neededFor(first: string | undefined): readonly string[] {
  if (first === '--version' || first === '-V') return [];
  return first !== undefined && Object.hasOwn(COMMANDS, first) ? [first] : Object.keys(COMMANDS);
}

async function buildProgram(
  context: CliContext,
  commands: readonly string[],
  json: boolean,
): Promise<Command> {
  const program = new Command('embedlane')
    .description('Embeddings and vector search at native speed.')
    .version(version)
    .exitOverride()
    // Then the error is told as an object, by us.
    .configureOutput(json ? { writeErr() {} } : {})
    .showHelpAfterError('(run with --help for usage and examples)')
    .addHelpText(
      'after',
      `
Examples:
  $ embedlane index docs/                       read a folder, write the index .embedlane/
  $ embedlane search "how do I cancel a call?"  ranked passages with file and line
  $ embedlane embed "hello world"               one JSON line with the vector
  $ embedlane embed --input lines.txt --out vectors.npy
  $ embedlane similarity "a cat" "a kitten"     0.7663
  $ embedlane pull BAAI/bge-small-en-v1.5       download a model
  $ embedlane serve                             an HTTP server for OpenAI's, Ollama's and other clients
  $ embedlane doctor                            what this machine and this install can do

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.`,
    );
  const registers = await Promise.all(commands.map((name) => COMMANDS[name]()));
  for (const register of registers) register(program, context);
  return program;
}

/** Prints an error for a person, or as one JSON line for a machine, and returns the exit code that it stands for. */
function report(error: unknown, json: boolean, interrupted: boolean): number {
  if (error instanceof CommanderError) {
    // Help and version are not errors, and of others Commander has printed its message.
    if (error.exitCode === 0) return EXIT.ok;
    if (json) writeJsonError('ERR_INVALID_ARG', error.message.replace(/^error: /, ''));
    return EXIT.usage;
  }
  if (interrupted) {
    if (json) writeJsonError('ERR_ABORTED', 'Interrupted');
    else process.stderr.write('Interrupted.\n');
    return EXIT.interrupted;
  }
  const code = error instanceof EmbedlaneError ? error.code : 'ERR_UNEXPECTED';
  const message = error instanceof Error ? error.message : String(error);
  if (json) writeJsonError(code, message);
  else process.stderr.write(`embedlane: ${message} [${code}]\n`);
  if (!(error instanceof EmbedlaneError) && error instanceof Error && process.env.EMBEDLANE_DEBUG) {
    process.stderr.write(`${error.stack}\n`);
  }
  return code === 'ERR_INVALID_ARG' ? EXIT.usage : EXIT.failure;
}

function writeJsonError(code: string, message: string): void {
  process.stderr.write(`${JSON.stringify({ error: { code, message } })}\n`);
}
