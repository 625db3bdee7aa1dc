// Starts the standalone server in the given folder, asks its route, and prints the answer.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';

const probe = createServer().listen(0, '127.0.0.1');
await once(probe, 'listening');
const { port } = probe.address();
probe.close();
await once(probe, 'close');

const env = { ...process.env, PORT: String(port), HOSTNAME: '127.0.0.1', NEXT_TELEMETRY_DISABLED: '1' };
const server = spawn(process.execPath, ['server.js'], {
  cwd: process.argv[2],
  env,
  stdio: ['ignore', 'pipe', 'inherit'],
});
try {
  for await (const chunk of server.stdout) if (String(chunk).includes('Ready')) break;
  const response = await fetch(`http://127.0.0.1:${port}/nearest?q=a+kitten`);
  console.log((await response.json()).join(' '));
} finally {
  server.kill();
}
