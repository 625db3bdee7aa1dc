// The standalone output, taken out of the project: nothing in it may need a file that was not traced.
import { spawnSync } from 'node:child_process';
import { cpSync } from 'node:fs';
import { createRequire } from 'node:module';

const next = createRequire(import.meta.url).resolve('next/dist/bin/next');
const env = { ...process.env, NEXT_TELEMETRY_DISABLED: '1' };
const { status, stdout, stderr } = spawnSync(process.execPath, [next, 'build'], { env, encoding: 'utf8' });
if (status !== 0) console.error(stdout, stderr);
process.exitCode = status ?? 1;
cpSync('.next/standalone', process.argv[2], { recursive: true, verbatimSymlinks: true });
