// Prints the changelog's section of a release: node scripts/package/release-notes.mjs v1.2.3
//
// Fails if the tag is not the version of package.json, or if the changelog has nothing to say about it.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const read = (path) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

/**
 * @param {string} changelog
 * @param {string} version
 * @returns {string | undefined} the text below `## <version>`, up to the next version
 */
export function notesOf(changelog, version) {
  const sections = changelog.split(/^## /m).slice(1);
  const section = sections.find((text) => text.split(/\s/)[0] === version);
  return section?.slice(section.indexOf('\n')).trim() || undefined;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { version } = JSON.parse(read('package.json'));
  const tag = process.argv[2];
  const notes = notesOf(read('CHANGELOG.md'), version);
  if (tag !== `v${version}`)
    fail(`Expected v${version}, package.json's version, for the tag but received ${tag}`);
  if (notes === undefined) fail(`Expected a section '## ${version}' in CHANGELOG.md but received none`);
  console.log(notes);
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
