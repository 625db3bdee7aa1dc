// How many machines a number of vectors takes. The formulas are those of docs/capacity.md, which has this table.
//
//   node scripts/capacity.mjs [--vectors 1e8] [--dims 768] [--document-bytes 500] [--bandwidth 16] [--texts 141]
//     [--memory 64] [--cores 16] [--core-price 0.04] [--gigabyte-price 0.005]

import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/** What the benchmarks measured on two cores, per core; what a machine is; what it costs, which is only an example. */
export const DEFAULTS = {
  /** Gigabytes that a core scans in a second. */
  bandwidth: 16,
  /** Texts of 46 tokens through all-MiniLM-L6-v2 (384 dimensions) in a second and core. */
  texts: 141,
  /** Bytes of a record's text, metadata and id. */
  documentBytes: 500,
  /** Gigabytes and cores of a machine; three quarters of the memory are for vectors. */
  memory: 64,
  cores: 16,
  corePrice: 0.04,
  gigabytePrice: 0.005,
};

/** Bytes of a row in a FlatIndex. */
export const ROW_BYTES = {
  f32: (dims) => 4 * dims,
  f16: (dims) => 2 * dims,
  i8: (dims) => dims + 4,
  b1: (dims) => Math.ceil(dims / 8),
};
/** Links of a graph: HNSW keeps 2 × M of them for a vector at the lowest level, four bytes each. */
const HNSW_M = 16;
const USABLE = 0.75;
const GB = 1e9;
const HOURS_PER_MONTH = 730;

/** @returns sizes in bytes, times in seconds, prices by the month */
export function capacity(vectors, dims, dtype, options = {}) {
  const { bandwidth, texts, documentBytes, memory, cores, corePrice, gigabytePrice } = {
    ...DEFAULTS,
    ...options,
  };
  const machine = USABLE * memory * GB;
  const vectorBytes = vectors * ROW_BYTES[dtype](dims);
  const graphBytes = vectorBytes + vectors * 2 * HNSW_M * 4;
  const perMonth = (machines) => machines * (cores * corePrice + memory * gigabytePrice) * HOURS_PER_MONTH;
  const [flatMachines, graphMachines] = [vectorBytes, graphBytes].map((bytes) => Math.ceil(bytes / machine));
  return {
    vectorBytes,
    graphBytes,
    diskBytes: vectorBytes + vectors * documentBytes,
    /** One exact search, alone: all cores read all rows once. */
    scanSeconds: vectorBytes / (flatMachines * cores * bandwidth * GB),
    flatMachines,
    flatPrice: perMonth(flatMachines),
    graphMachines,
    graphPrice: perMonth(graphMachines),
    embedCoreHours: vectors / texts / 3600,
    embedPrice: (vectors / texts / 3600) * (corePrice + (memory / cores) * gigabytePrice),
  };
}

const number = (value) =>
  value >= 100 ? Math.round(value).toLocaleString('en') : String(Number(value.toPrecision(2)));
const bytes = (value) => (value >= 1e12 ? `${number(value / 1e12)} TB` : `${number(value / 1e9)} GB`);
const time = (value) => (value < 1 ? `${number(value * 1000)} ms` : `${number(value)} s`);

/** Rows of a Markdown table. */
export function table(counts, widths, options) {
  const lines = [
    '| vectors | dims | as | vectors in memory | disk | exact search: machines, time, price a month | HNSW (Milvus): memory, machines, price |',
    '| ---: | ---: | --- | ---: | ---: | --- | --- |',
  ];
  for (const count of counts) {
    for (const dims of widths) {
      for (const dtype of Object.keys(ROW_BYTES)) {
        const found = capacity(count, dims, dtype, options);
        const flat = `${number(found.flatMachines)}, ${time(found.scanSeconds)}, ${number(found.flatPrice)}`;
        const graph = `${bytes(found.graphBytes)}, ${number(found.graphMachines)}, ${number(found.graphPrice)}`;
        const name = `10${[...String(Math.log10(count))].map((digit) => '⁰¹²³⁴⁵⁶⁷⁸⁹'[digit] ?? digit).join('')}`;
        lines.push(
          `| ${Number.isInteger(Math.log10(count)) ? name : count.toLocaleString('en')} | ${dims} | ${dtype} | ${bytes(found.vectorBytes)} | ${bytes(found.diskBytes)} | ${flat} | ${dtype === 'b1' ? '–' : graph} |`,
        );
      }
    }
  }
  return lines.join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const names = Object.keys(DEFAULTS);
  const flagOf = (name) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  const { values } = parseArgs({
    options: Object.fromEntries(
      ['vectors', 'dims', ...names.map(flagOf)].map((name) => [name, { type: 'string' }]),
    ),
  });
  const given = names.filter((name) => values[flagOf(name)] !== undefined);
  const options = Object.fromEntries(given.map((name) => [name, Number(values[flagOf(name)])]));
  const [vectors, dims] = [Number(values.vectors ?? 1e8), Number(values.dims ?? 768)];
  if (![vectors, dims, ...Object.values(options)].every((value) => value > 0)) {
    throw new Error('Expected positive numbers');
  }
  console.log(table([vectors], [dims], options));
  const { embedCoreHours, embedPrice } = capacity(vectors, dims, 'f32', options);
  console.log(`\nEmbedding: ${number(embedCoreHours)} core hours, ${number(embedPrice)}`);
}
