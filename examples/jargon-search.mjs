// The main job, end to end: index a real text and ask it questions, with the commands that a user would type.
// Run it with: npm start
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { simd } from 'embedlane/vectors';

const cli = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));

/** Runs one embedlane command, shown as it would be typed, with its output on this terminal. */
function embedlane(...args) {
  const typed = args.map((arg) => (/[^\w./=-]/.test(arg) ? JSON.stringify(arg) : arg)).join(' ');
  console.log(`\n$ embedlane ${typed}`);
  const { status } = spawnSync(process.execPath, [cli, ...args], { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

const { backend, level } = simd();
console.log('The Jargon File (the hackers’ dictionary, 2,307 entries, public domain), searched by meaning.');
console.log(`Vector kernels: ${backend}, ${level}.`);

embedlane('index', 'examples/corpus/jargon.txt', '--index', '.embedlane/jargon');
embedlane(
  ...['search', '--index', '.embedlane/jargon', '-k', '2'],
  'code so tangled that nobody can follow it',
  'someone who provokes others online to get angry replies',
  'the imaginary place where lost data goes',
  'a switch that was wired to nothing and still crashed the machine',
);
console.log('Ask your own: npx embedlane search --index .embedlane/jargon "your question"');
