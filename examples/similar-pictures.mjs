// Pictures by likeness: the sample pictures through the bundled model, and which of them are most alike.
// Run it with: npm start
import { readdir } from 'node:fs/promises';
import { ImageEmbedder } from 'embedlane';

const folder = 'examples/images';
const files = (await readdir(folder)).filter((name) => /\.(jpg|png|webp)$/.test(name));
console.log(`\n${files.length} sample pictures (sources in ${folder}/README.md), the most alike of them:\n`);

const model = await ImageEmbedder.load('efficientnet-lite0');
const paths = files.map((name) => `${folder}/${name}`);
const vectors = await model.encode(paths, { normalize: true });
const { data, cols } = model.similarity(vectors, vectors);
const pairs = files.flatMap((a, i) =>
  files.slice(i + 1).map((b, j) => ({ a, b, score: data[i * cols + i + 1 + j] })),
);
pairs.sort((a, b) => b.score - a.score);
for (const { a, b, score } of pairs.slice(0, 5)) console.log(`  ${score.toFixed(3)}  ${a} and ${b}`);

console.log('\nWhat they show, by ImageNet:\n');
const classes = await model.classify(paths, { topK: 1 });
for (const [i, [{ label, score }]] of classes.entries()) {
  console.log(`  ${files[i].padEnd(22)} ${label.split(',')[0]} ${score.toFixed(2)}`);
}
await model.close();
console.log(
  '\nYour own: npx embedlane index photos/ && npx embedlane search --image photo.jpg --html out.html',
);
