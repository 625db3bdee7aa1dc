// Makes the documentation's site: the pages below docs/ and the API reference from the comments in src/.
//
//   node scripts/docs/build.mjs [folder]      build-docs/ if none is named
//
// Needs no network. A warning fails it: a dead link, a name in a comment that does not exist.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Application, ConsoleLogger, Converter, KindRouter } from 'typedoc';
import { deadLinks } from './links.mjs';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const out = resolve(process.argv[2] ?? join(root, 'build-docs'));
const { exports, version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** Guides that come first, in this order; the others follow. */
const FIRST = ['quick-start', 'semantic-search', 'image-search', 'rag', 'serving', 'tuning'];

const pagesIn = (folder) =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith('.md'))
    .sort()
    .map((name) => join(root, folder, name));
const guides = pagesIn('docs/guides').sort((a, b) => place(a) - place(b));
const elsewhere = ['examples/README.md', 'bench/README.md', 'CONTRIBUTING.md', 'CHANGELOG.md'];
const pages = [...guides, ...pagesIn('docs'), ...elsewhere.map((name) => join(root, name))];

/** `./dist/vectors/index.d.ts` of package.json → its source. */
const entryPoints = Object.values(exports)
  .map(({ types }) => types)
  .filter(Boolean)
  .map((types) => join(root, types.replace('./dist/', 'src/').replace('.d.ts', '.ts')));

/** Options of a union of types have several comments with the same words: which of them is shown does not matter. */
class Log extends ConsoleLogger {
  warn(text, ...rest) {
    if (!/has multiple declarations with a comment/.test(text)) super.warn(text, ...rest);
  }
  info() {}
}

/** Pages keep the names of their files, whatever their titles are. */
const files = new Map();
class Router extends KindRouter {
  getIdealBaseName(reflection) {
    return files.has(reflection) ? files.get(reflection) : super.getIdealBaseName(reflection);
  }
}

const application = await Application.bootstrap({
  name: `embedlane ${version}`,
  entryPoints,
  tsconfig: join(root, 'tsconfig.build.json'),
  readme: join(root, 'README.md'),
  projectDocuments: pages,
  basePath: root,
  out,
  router: 'pages',
  // There is no address yet at which the sources can be read.
  disableSources: true,
  disableGit: true,
  excludeInternal: true,
  excludePrivate: true,
  treatWarningsAsErrors: true,
  validation: { notExported: false, notDocumented: false, invalidLink: true, invalidPath: true },
  highlightLanguages: ['bash', 'javascript', 'typescript', 'json', 'python', 'sql', 'docker'],
  categorizeByGroup: false,
  categoryOrder: ['Guides', 'Pages', '*'],
  defaultCategory: 'API',
  navigation: { includeCategories: true, includeGroups: false },
  hideGenerator: true,
});
application.logger = new Log();
application.renderer.defineRouter('pages', Router);
application.converter.on(Converter.EVENT_CREATE_DOCUMENT, (_, document) => {
  const [, title] = /^# (.+)$/m.exec(document.content.map(({ text }) => text).join('')) ?? [];
  const isGuide = guides.some((path) => path.endsWith(`/${document.name}.md`));
  files.set(document, document.name.replace(/README$/, 'index'));
  document.frontmatter.category = isGuide ? 'Guides' : 'Pages';
  if (title !== undefined) document.name = title;
});

const project = await application.convert();
if (project === undefined) process.exit(1);
application.validate(project);
await application.generateOutputs(project);
if (application.logger.hasErrors() || application.logger.hasWarnings()) process.exit(1);
const dead = deadLinks(out);
for (const { page, link } of dead) console.error(`${page}: ${link} leads nowhere`);
if (dead.length > 0) process.exit(1);
console.log(relative(process.cwd(), join(out, 'index.html')));

function place(path) {
  const at = FIRST.findIndex((name) => path.endsWith(`/${name}.md`));
  return at < 0 ? FIRST.length : at;
}
