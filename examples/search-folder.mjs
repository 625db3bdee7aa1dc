// Semantic search over a folder: node examples/search-folder.mjs <folder> <question>
import { openPassages } from './passages.mjs';

const [folder = 'docs', question = 'is the result exact?', where = '.embedlane/search-folder'] =
  process.argv.slice(2);
const { store, changed, close } = await openPassages(folder, where);
console.log(`${changed} files have changed`);
for (const { score, document, metadata } of await store.search(question, { k: 3 })) {
  console.log(`\n${score.toFixed(3)}  ${metadata.file}:${metadata.line}\n${document}`);
}
await close();
