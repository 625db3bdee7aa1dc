#!/usr/bin/env node
import { EXIT } from './exit.js';
import { runCli } from './program.js';

process.exitCode = await runCli(process.argv.slice(2));
// Nobody waits for what was interrupted any more, be it a line of stdin or a connection to a silent server.
if (process.exitCode === EXIT.interrupted) process.exit();
