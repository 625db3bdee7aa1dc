// Prints one list of sources.json for binding.gyp, one item per line:
//   node native/gyp-list.mjs flags gnu
//   node native/gyp-list.mjs groups avx2 sources
import { readFileSync } from 'node:fs';

const sources = JSON.parse(readFileSync(new URL('./sources.json', import.meta.url), 'utf8'));
const list = process.argv.slice(2).reduce((value, key) => value[key], sources);
console.log(list.join('\n'));
