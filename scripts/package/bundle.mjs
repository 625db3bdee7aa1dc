// Joins the files of dist/ into few: an import costs about half a millisecond per file, and `embedlane` has two hundred.
import { cpSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative, resolve, sep } from 'node:path';
import { rolldown } from 'rolldown';

/** Files that stay as they are: bundlers and file tracers look for the literal paths of the binaries in them. */
const VERBATIM = ['native/find-addon.js', 'native/load-failure.js', 'native/platform.js'];

/** Folders that are read as files, scripts for browsers among them. */
const ASSETS = ['server/pages'];

/** Where shared code goes, below the output. */
const CHUNKS = 'chunks';

/** Stands for the `import.meta.url` of a module until it is known which file the module ends up in. */
const OWN_URL = '__EMBEDLANE_URL_OF__';

/**
 * @param {string} dist what tsc wrote
 * @param {string} out receives the joined files, under the same names for all that is opened by name: what
 *   package.json exports, programs of lanes and workers; and every declaration
 * @param {string[]} exported the modules that package.json names, relative to dist
 */
export async function bundle(dist, out, exported) {
  const modules = readdirSync(dist, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(dist, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .filter((name) => !ASSETS.some((folder) => name.startsWith(`${folder}/`)));
  const strangers = modules.filter((name) => !/\.(js|d\.ts)$/.test(name));
  if (strangers.length > 0)
    throw new Error(`Neither code nor in a folder of ASSETS: ${strangers.join(', ')}`);
  const code = modules.filter((name) => name.endsWith('.js'));
  const started = code.flatMap((name) => programsOf(dist, name));
  const entries = new Set([...exported, ...started]);
  const build = await rolldown({
    input: Object.fromEntries([...entries].map((name) => [name.slice(0, -'.js'.length), join(dist, name)])),
    platform: 'node',
    external: (id, importer) => isVerbatim(dist, id, importer) || !/^[./]/.test(id),
    plugins: [ownUrls(dist)],
    makeAbsoluteExternalsRelative: true,
    treeshake: false,
    logLevel: 'warn',
    onLog(level, log) {
      throw new Error(`${level}: ${log.message}`);
    },
  });
  await build.write({
    dir: out,
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: `${CHUNKS}/[name]-[hash].js`,
    minify: false,
  });
  for (const name of [...VERBATIM, ...modules.filter((path) => path.endsWith('.d.ts'))]) {
    cpSync(join(dist, name), join(out, name));
  }
  for (const folder of ASSETS) cpSync(join(dist, folder), join(out, folder), { recursive: true });
}

/** The modules that `name` starts as a process or thread, by their path. */
function programsOf(dist, name) {
  const text = readFileSync(join(dist, name), 'utf8');
  return Array.from(text.matchAll(/new URL\('(\.[^']+\.js)', import\.meta\.url\)/g), ([, path]) =>
    posix.join(posix.dirname(name), path),
  );
}

function isVerbatim(dist, id, importer) {
  if (importer === undefined) return false;
  const path = resolve(dirname(importer), id);
  return VERBATIM.some((name) => join(dist, name) === path);
}

/** A module keeps finding files by paths relative to where it was. */
function ownUrls(dist) {
  return {
    name: 'own-urls',
    transform(code, id) {
      const name = relative(dist, id).split(sep).join('/');
      return code.replaceAll('import.meta.url', `${OWN_URL}(${JSON.stringify(name)})`);
    },
    renderChunk(code, chunk) {
      return code.replace(new RegExp(`${OWN_URL}\\("([^"]+)"\\)`, 'g'), (_, name) => {
        const path = posix.relative(posix.dirname(chunk.fileName), name);
        return `new URL(${JSON.stringify(path.startsWith('.') ? path : `./${path}`)}, import.meta.url).href`;
      });
    },
  };
}
