import { existsSync } from 'node:fs';

/** Where Chromium is, for tests of pages; undefined, and said so loudly, where there is none. */
export const CHROMIUM = [
  process.env.CHROMIUM,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
].find((path) => path !== undefined && existsSync(path));
if (!CHROMIUM)
  console.warn(
    '!! SKIPPED: no Chromium (apt install chromium, or set CHROMIUM): the pages are not tested in it',
  );
