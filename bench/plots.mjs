/**
 * Draws what there is of bench/results/runtime-*.json, soak.json and growth.json into docs/performance/*.svg.
 *
 *   node bench/plots.mjs
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { barChart, lineChart } from './lib/plot.mjs';
import { median } from './lib/stats.mjs';

/** Most points of a curve: more are not seen, and make files large. */
const MOST_POINTS = 100;
const OURS = 'embedlane';

/** What a benchmark has written, if it has. */
function read(name) {
  const file = new URL(`results/${name}.json`, import.meta.url);
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : { results: undefined };
}

const folder = new URL('../docs/performance/', import.meta.url);
const growth = read('growth');
const charts = {};

/** A line per contender and kind of value: the median over rounds against the number of callers. */
function byClients(rounds, values) {
  const unique = (field) => [...new Set(rounds.map((round) => round[field]))];
  return unique('contender').flatMap((name, color) =>
    Object.entries(values).map(([label, value], i) => ({
      ...{ name: `${name}${label}`, color, dashed: i > 0 },
      points: unique('clients').map((clients) => [
        clients,
        median(rounds.filter((r) => r.contender === name && r.clients === clients).map(value)),
      ]),
    })),
  );
}

/** Adds the charts of a part of bench/runtime.mjs, if that has been run. */
function draw(part, make) {
  const { dtype, results } = read(`runtime-${part}`);
  if (results) Object.assign(charts, make(results, dtype));
}

draw('policy', (results, dtype) => ({
  'throughput-by-policy': barChart({
    ...{ title: `Mixed paragraphs (${dtype}): throughput by how batches are formed`, x: 'texts per second' },
    bars: results.map(({ name, rate }) => ({ name, value: rate, strong: name === OURS })),
  }),
}));
draw('budget', (results, dtype) => ({
  'throughput-by-budget': lineChart({
    ...{ title: `512 mixed paragraphs (${dtype}): throughput by size of the runs`, logX: true },
    ...{ x: 'tokens per run, padding included', y: 'texts per second' },
    lines: [{ name: OURS, points: results.map(({ budget, rate }) => [budget, rate]) }],
  }),
}));
draw('clients', (results, dtype) => {
  const axes = { x: 'callers at the same time, one question each', logX: true };
  return {
    'throughput-by-load': lineChart({
      ...{ ...axes, title: `Throughput by load (${dtype})`, y: 'texts per second' },
      lines: byClients(results, { '': ({ requests }) => requests }),
    }),
    'latency-by-load': lineChart({
      ...{ ...axes, title: `Latency by load (${dtype})`, y: 'milliseconds', logY: true },
      lines: byClients(results, { ', p99': ({ p99 }) => p99, ', median': ({ p50 }) => p50 }),
    }),
  };
});
/** Megabytes against texts. */
function memoryChart(dtype, series) {
  return lineChart({
    ...{ title: `Resident memory over mixed lengths (${dtype})`, x: 'texts embedded', y: 'megabytes' },
    lines: series.map(({ contender, points }) => {
      const every = Math.ceil(points.length / MOST_POINTS);
      const kept = points.filter((_, i) => i % every === 0);
      return { name: contender, points: kept.map(({ texts, bytes }) => [texts, bytes / 1e6]) };
    }),
  });
}

draw('memory', (results, dtype) => ({ 'memory-by-library': memoryChart(dtype, results) }));
const soak = read('soak');
if (soak.results?.memory) {
  const { points } = soak.results.memory;
  charts['memory-over-time'] = memoryChart(soak.dtype, [{ contender: 'embedlane and its lanes', points }]);
}
for (const [along, x] of [
  ['rows', 'rows'],
  ['dims', 'values per row'],
]) {
  const measured = growth.results?.[along];
  if (!measured) continue;
  const fixed =
    along === 'rows'
      ? `${growth.fixed.dims} values per row`
      : `${growth.fixed.rows.toLocaleString('en')} rows`;
  charts[`search-by-${along}`] = lineChart({
    ...{ title: `Exact search: time of a query, ${fixed}, float32`, x, y: 'milliseconds' },
    lines: [...new Set(measured.map(({ name }) => name))].map((name) => ({
      name,
      points: measured
        .filter((result) => result.name === name)
        .map(({ size, rounds }) => [size, median(rounds)]),
    })),
  });
}
mkdirSync(folder, { recursive: true });
for (const [name, svg] of Object.entries(charts)) {
  writeFileSync(new URL(`${name}.svg`, folder), svg);
  console.log(`docs/performance/${name}.svg`);
}
