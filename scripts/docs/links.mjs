// Finds links of a folder of HTML files that lead to no file, or to no place in it.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

/**
 * @param {string} folder
 * @returns {{ page: string, link: string }[]}
 */
export function deadLinks(folder) {
  const pages = readdirSync(folder, { recursive: true })
    .filter((name) => name.endsWith('.html'))
    .map((name) => join(folder, name));
  const anchors = new Map();
  const anchorsOf = (file) => {
    if (!anchors.has(file)) {
      const ids = readFileSync(file, 'utf8').matchAll(/\s(?:id|name)="([^"]*)"/g);
      anchors.set(file, new Set(Array.from(ids, ([, id]) => id)));
    }
    return anchors.get(file);
  };
  return pages.flatMap((page) => {
    const links = Array.from(
      readFileSync(page, 'utf8').matchAll(/\s(?:href|src)="([^"]*)"/g),
      ([, link]) => link,
    );
    return [...new Set(links)]
      .filter((link) => !/^(\w+:|\/\/|#$)/.test(link) && link !== '')
      .filter((link) => !leadsSomewhere(page, link.replaceAll('&amp;', '&'), anchorsOf))
      .map((link) => ({ page: relative(folder, page), link }));
  });
}

function leadsSomewhere(page, link, anchorsOf) {
  const [path, anchor] = link.split('#').map(decodeURIComponent);
  const file = path === '' ? page : resolve(dirname(page), path);
  if (!existsSync(file) || !statSync(file).isFile()) return false;
  return !anchor || !file.endsWith('.html') || anchorsOf(file).has(anchor);
}
