import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const ENTRY = new URL('../../dist/index.js', import.meta.url).href;
const CLI = new URL('../../dist/cli/main.js', import.meta.url).pathname;

/** On a runner of CI onnxruntime is silent by itself. */
const SUPPRESSING = ['CI', 'GITHUB_ACTIONS', 'TF_BUILD', 'ORT_RUNNING_UNIT_TESTS', 'ORT_DISABLE_TELEMETRY'];

// On Windows onnxruntime uses the system's event tracing, which leaves no file.
describe.skipIf(process.platform === 'win32')('the telemetry of onnxruntime', () => {
  let home: string;
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'embedlane-home-'));
  });
  afterEach(() => rm(home, { recursive: true, force: true }));

  /** Files that a program leaves behind in its home and among temporary files. */
  async function left(args: string[], variables: NodeJS.ProcessEnv = {}): Promise<string[]> {
    const env = {
      ...process.env,
      HOME: home,
      TMPDIR: home,
      XDG_CACHE_HOME: join(home, '.cache'),
      ...variables,
    };
    for (const name of SUPPRESSING) if (!(name in variables)) delete env[name as keyof typeof env];
    await run(process.execPath, args, { env });
    return (await readdir(home, { recursive: true })).filter((path) =>
      /deviceid|onnxruntime|mat-debug/i.test(path),
    );
  }

  const program = (isolation: string) => [
    '--input-type=module',
    '--eval',
    `import { TextEmbedder } from ${JSON.stringify(ENTRY)};
     const model = await TextEmbedder.load('all-MiniLM-L6-v2', { isolation: '${isolation}' });
     await model.encode('nobody else needs to know');
     await model.close();`,
  ];

  it.each(['process', 'thread'])('is off in a lane that is a %s', async (isolation) => {
    expect(await left(program(isolation))).toEqual([]);
  });

  it('is off in `embedlane doctor`', async () => {
    expect(await left([CLI, 'doctor'])).toEqual([]);
  });

  it('is what the user says', async () => {
    expect(await left(program('process'), { ORT_DISABLE_TELEMETRY: '0' })).not.toEqual([]);
  });
});
