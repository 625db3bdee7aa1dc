import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { EmbedlaneError } from '../../core/errors.js';
import { io } from '../../core/io.js';
import { optionsObject } from '../../core/validate.js';
import type { ServedModel, ServerOptions } from '../../server/index.js';
import type { CliContext } from '../context.js';
import { EXIT } from '../exit.js';
import { integerOption, type ModelFlags, repeated } from '../options.js';

interface ServeFlags {
  model?: string[];
  dtype?: ModelFlags['dtype'];
  threads?: number;
  warmUp?: boolean;
  host?: string;
  port?: number;
  config?: string;
  keepAlive?: number;
  preload?: boolean;
  log?: boolean;
}

export function registerServe(program: Command, context: CliContext): void {
  program
    .command('serve')
    .description(
      'Serve embeddings over HTTP to clients of OpenAI, Ollama, Text Embeddings Inference, DashScope.',
    )
    .option(
      '-m, --model <id>',
      'id or folder of a model of texts, pictures or both, or of a reranker; may be repeated',
      repeated,
    )
    .option('--dtype <dtype>', 'which ONNX file of the models')
    .option('--threads <n>', 'inference threads of each model', integerOption(1, 1024))
    .option('--warm-up', 'run each model on its largest batch before it is served')
    .option('--host <address>', 'address to listen on (default: 127.0.0.1)')
    .option('-p, --port <n>', 'port (default: 8080)', integerOption(0, 65_535))
    .option('--keep-alive <seconds>', 'unload a model after so much idleness', integerOption(0, 2_000_000))
    .option('--no-preload', 'load each model with its first request')
    .option('--no-log', 'no log lines on stderr')
    .option('-c, --config <file>', 'JSON file with the options of createServer; flags go before it')
    .addHelpText(
      'after',
      `
Environment: EMBEDLANE_MODELS, EMBEDLANE_API_KEYS (comma-separated), EMBEDLANE_HOST, EMBEDLANE_PORT;
they go before the file and after the flags. Keys are no flag, because every user of a machine can read those.

Examples:
  $ embedlane serve
  $ embedlane serve --model all-MiniLM-L6-v2 --model ./models/my-model --host 0.0.0.0
  $ curl http://127.0.0.1:8080/v1/embeddings -d '{"model":"all-MiniLM-L6-v2","input":"hello"}'`,
    )
    .action((flags: ServeFlags) => serve(flags, context));
}

async function serve(flags: ServeFlags, { signal }: CliContext): Promise<void> {
  const { createServer } = await import('../../server/index.js');
  const file = flags.config === undefined ? {} : await readConfig(flags.config);
  // Before it listens there is nothing to bring to an end, and a download may take long.
  signal.addEventListener('abort', leave);
  const server = await createServer({ log: true, ...file, ...fromEnvironment(), ...fromFlags(flags, file) });
  signal.removeEventListener('abort', leave);
  process.stdout.write(`Listening on ${server.url}\n`);
  await ended(signal);
  await server.close();
}

function leave(): never {
  process.stderr.write('Interrupted.\n');
  process.exit(EXIT.interrupted);
}

/** Resolves with the first Ctrl-C or SIGTERM. */
function ended(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
    process.once('SIGTERM', resolve);
  });
}

async function readConfig(path: string): Promise<ServerOptions> {
  const { SERVER_OPTIONS } = await import('../../server/index.js');
  const text = await io(path, () => readFile(path, 'utf8'));
  try {
    return optionsObject<ServerOptions>(path, JSON.parse(text), SERVER_OPTIONS);
  } catch (cause) {
    if (cause instanceof EmbedlaneError) throw cause;
    throw new EmbedlaneError('ERR_INVALID_ARG', `Expected JSON in ${path}`, { cause });
  }
}

function fromEnvironment(): ServerOptions {
  const { EMBEDLANE_MODELS, EMBEDLANE_API_KEYS, EMBEDLANE_HOST, EMBEDLANE_PORT } = process.env;
  return {
    ...(EMBEDLANE_MODELS && { models: list('EMBEDLANE_MODELS', EMBEDLANE_MODELS) }),
    ...(EMBEDLANE_API_KEYS && { apiKeys: list('EMBEDLANE_API_KEYS', EMBEDLANE_API_KEYS) }),
    ...(EMBEDLANE_HOST && { host: EMBEDLANE_HOST }),
    // A space is zero to Number, which would be any free port.
    ...(EMBEDLANE_PORT && { port: EMBEDLANE_PORT.trim() === '' ? Number.NaN : Number(EMBEDLANE_PORT) }),
  };
}

function list(name: string, text: string): string[] {
  const items = text
    .split(',')
    .map((item) => item.trim())
    .filter(Boolean);
  // No keys would be a server that is open to everyone, whatever the file says.
  if (items.length === 0) throw new EmbedlaneError('ERR_INVALID_ARG', `Expected something in ${name}`);
  return items;
}

function fromFlags(flags: ServeFlags, file: ServerOptions): ServerOptions {
  const { host, port, keepAlive } = flags;
  const models = modelsOf(flags, file);
  return {
    ...(models && { models }),
    ...(host !== undefined && { host }),
    ...(port !== undefined && { port }),
    ...(keepAlive !== undefined && { keepAlive }),
    ...(flags.preload === false && { preload: false }),
    ...(flags.log === false && { log: false }),
  };
}

/** `--dtype`, `--threads` and `--warm-up` are for all models, wherever those are named. */
function modelsOf(
  { model, dtype, threads, warmUp }: ServeFlags,
  file: ServerOptions,
): ServerOptions['models'] {
  if (dtype === undefined && threads === undefined && warmUp === undefined) return model;
  const models = model ?? fromEnvironment().models ?? file.models ?? ['all-MiniLM-L6-v2'];
  return models.map(
    (served): ServedModel => ({
      ...(typeof served === 'string' ? { id: served } : served),
      ...(dtype !== undefined && { dtype }),
      ...(threads !== undefined && { threads }),
      ...(warmUp !== undefined && { warmUp }),
    }),
  );
}
