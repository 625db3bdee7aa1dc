// Retrieval for a language model: node examples/rag.mjs <folder> <question>
// Prints the prompt; send it to the model of your choice.
import { openPassages } from './passages.mjs';

/** Characters of passages that go into the prompt. */
const BUDGET = 3_000;

const [folder = 'docs', question = 'May I copy node_modules?', where = '.embedlane/rag'] =
  process.argv.slice(2);
const { store, close } = await openPassages(folder, where);

// By meaning and by words: names and numbers are found by the second.
const hits = await store.search(question, { k: 8, hybrid: true });
await close();

const passages = [];
let used = 0;
for (const { document, metadata } of hits) {
  used += document.length;
  if (used > BUDGET) break;
  passages.push(`[${passages.length + 1}] ${metadata.file}:${metadata.line}\n${document}`);
}
console.log(`Answer the question from the passages below and cite them by number. If they do not say, say so.

${passages.join('\n\n')}

Question: ${question}`);
