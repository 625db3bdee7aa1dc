// Writes native/tokenizer/bert_characters_data.cc: what the `tokenizers` package makes of every character, asked
// of the package itself, so that the native tokenizer agrees with the Unicode versions it was built with.
//
//   node scripts/generate-bert-characters.mjs

import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { bertNormalizer, bertPreTokenizer } from 'tokenizers';

const { version } = createRequire(import.meta.url)('tokenizers/package.json');
const cased = bertNormalizer({
  cleanText: true,
  handleChineseChars: true,
  stripAccents: false,
  lowercase: false,
});
const uncased = bertNormalizer({
  cleanText: true,
  handleChineseChars: true,
  stripAccents: true,
  lowercase: true,
});
const words = bertPreTokenizer();

/** What a normalizer makes of `text` between two letters. */
const between = (normalizer, text) => normalizer.normalizeString(`x${text}x`).slice(1, -1);
const isHangul = (c) => c >= 0xac00 && c <= 0xd7a3;

const sets = { dropped: [], space: [], ideograph: [], punctuation: [], stripped: [] };
const single = [];
const several = [];
const marks = [];
for (let c = 0; c < 0x110000; c++) {
  if (c >= 0xd800 && c < 0xe000) continue;
  const character = String.fromCodePoint(c);
  const kept = between(cased, character);
  let folded = between(uncased, character);
  if (kept === '') sets.dropped.push(c);
  else if (kept === ' ') sets.space.push(c);
  else if (kept === ` ${character} `) {
    sets.ideograph.push(c);
    folded = folded.slice(1, -1);
  } else if (kept !== character) throw new Error(`U+${c.toString(16)} becomes '${kept}'`);
  if (kept === '' || kept === ' ') {
    if (folded !== kept) throw new Error(`U+${c.toString(16)} depends on the case`);
    continue;
  }
  if (words.preTokenizeString(`x${character}x`).length === 3) sets.punctuation.push(c);
  if (/\p{M}/u.test(folded)) marks.push(c);
  if (folded === character || isHangul(c)) continue;
  const to = Array.from(folded, (part) => part.codePointAt(0));
  if (to.length === 0) sets.stripped.push(c);
  else if (to.length === 1) single.push([c, to[0]]);
  else several.push([c, ...to]);
}

// Characters that canonical ordering may move past another one: their result depends on their neighbours.
const folds = new Map(marks.map((c) => [c, between(uncased, String.fromCodePoint(c))]));
const reordering = marks.filter((a) =>
  marks.some((b) => {
    const pair = String.fromCodePoint(a, b);
    const back = String.fromCodePoint(b, a);
    return (
      between(uncased, pair) !== folds.get(a) + folds.get(b) ||
      between(uncased, back) !== folds.get(b) + folds.get(a)
    );
  }),
);

function ranges(list) {
  const out = [];
  for (const c of list) {
    const last = out.at(-1);
    if (last && last[1] === c - 1) last[1] = c;
    else out.push([c, c]);
  }
  return out;
}

/** Runs of characters `first + i × stride` that become `target + i × step`. */
function runs(pairs) {
  const out = [];
  for (let i = 0; i < pairs.length; ) {
    let best = [1, 1, 1];
    for (const stride of [1, 2]) {
      for (const step of [0, 1, 2]) {
        let n = 1;
        while (pairs[i + n]?.[0] === pairs[i][0] + n * stride && pairs[i + n][1] === pairs[i][1] + n * step)
          n++;
        if (n > best[0]) best = [n, stride, step];
      }
    }
    out.push([pairs[i][0], ...best, pairs[i][1]]);
    i += best[0];
  }
  return out;
}

/** An array whose rows fill lines of 110 characters. */
function table(type, name, rows) {
  const lines = [''];
  for (const row of rows) {
    const cell = `{${row.join(',')}},`;
    if (lines.at(-1).length + cell.length > 110) lines.push('');
    lines[lines.length - 1] += cell;
  }
  return `const ${type} k${name}[] = {\n${lines.join('\n')}\n};\nconst size_t k${name}Count = ${rows.length};\n`;
}

const file = new URL('../native/tokenizer/bert_characters_data.cc', import.meta.url);
writeFileSync(
  file,
  `// Written by scripts/generate-bert-characters.mjs from what tokenizers ${version} does; not edited by hand.
// clang-format off

#include "bert_characters_data.h"

namespace embedlane {

${table('CharacterRange', 'Dropped', ranges(sets.dropped))}
${table('CharacterRange', 'Spaces', ranges(sets.space))}
${table('CharacterRange', 'Ideographs', ranges(sets.ideograph))}
${table('CharacterRange', 'Punctuation', ranges(sets.punctuation))}
${table('CharacterRange', 'Reordering', ranges(reordering))}
${table('CharacterRange', 'Stripped', ranges(sets.stripped))}
${table('CharacterRun', 'Folds', runs(single))}
${table('Expansion', 'Expansions', several)}
}  // namespace embedlane
`,
);
