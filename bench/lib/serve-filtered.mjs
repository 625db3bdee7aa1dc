import { existsSync } from 'node:fs';
import { serve } from './serve.mjs';
import { clusteredVectors } from './vectors.mjs';

const LANGUAGES = ['de', 'en', 'fr', 'es', 'it', 'pt', 'nl', 'sv', 'pl', 'cs'];
const QUERIES = 4;

export const metadataOf = (row) => ({ place: row, year: 2000 + (row % 25), lang: LANGUAGES[(row * 7) % 10] });

/** Filters in every contender's language. */
export const FILTERS = {
  'place (0.1 %)': {
    filter: { field: 'place', gte: 5_000, lt: 6_000 },
    passes: ({ place }) => place >= 5_000 && place < 6_000,
    sql: 'place >= 5000 AND place < 6000',
  },
  'lang and year (5 %)': {
    filter: {
      and: [
        { field: 'lang', eq: 'de' },
        { field: 'year', gte: 2013 },
      ],
    },
    passes: ({ lang, year }) => lang === 'de' && year >= 2013,
    sql: "lang = 'de' AND year >= 2013",
  },
  'lang (10 %)': {
    filter: { field: 'lang', eq: 'de' },
    passes: ({ lang }) => lang === 'de',
    sql: "lang = 'de'",
  },
  'year (48 %)': {
    filter: { field: 'year', gte: 2013 },
    passes: ({ year }) => year >= 2013,
    sql: 'year >= 2013',
  },
};

/**
 * Serves a contender of filtered search.
 *
 * @param {object} contender
 * @param {(data: Float32Array, dims: number, folder: string) => Promise<void> | void} contender.load fills an empty folder
 * @param {(folder: string, dims: number) => Promise<void> | void} contender.open
 * @param {(query: Float32Array, filter: object, k: number) => Promise<[row: number, score: number][]> | [number, number][]}
 *   contender.search best first
 * @param {() => Promise<void> | void} contender.close
 */
export function serveFiltered({ load, open, search, close }) {
  let dims;
  let folder;
  let queries;
  let next = 0;
  const timed = async (work) => {
    const start = performance.now();
    await work();
    return (performance.now() - start) / 1000;
  };
  const query = (number) => queries.subarray(number * dims, (number + 1) * dims);
  const once = ({ filter, k }) => search(query(next++ % QUERIES), FILTERS[filter], k);

  serve({
    /** @returns seconds that loading took, undefined if the folder was there */
    async init(options) {
      ({ dims, folder } = options);
      queries = clusteredVectors(QUERIES, dims, 2);
      const seconds =
        folder === undefined || !existsSync(folder)
          ? await timed(() => load(clusteredVectors(options.rows, dims, 1), dims, folder))
          : undefined;
      return { seconds };
    },
    open: () => timed(() => open(folder, dims)),
    close,
    async result({ filter, k }) {
      const found = [];
      for (let number = 0; number < QUERIES; number++)
        found.push(...(await search(query(number), FILTERS[filter], k)));
      return { indices: found.map(([row]) => row), scores: found.map(([, score]) => score) };
    },
    first: (job) => timed(() => once(job)),
    /** Repeats the search for at least `seconds`, and often enough for a median. */
    async round({ seconds: least, ...job }) {
      const times = [];
      const start = performance.now();
      while (times.length < 3 || performance.now() - start < 1000 * least)
        times.push(await timed(() => once(job)));
      times.sort((a, b) => a - b);
      return { seconds: times[times.length >> 1], best: times[0], calls: times.length };
    },
  });
}
