/**
 * Draws what there is of bench/results/runtime.json and growth.json into docs/performance/*.svg.
 *
 *   node bench/plots.mjs
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { lineChart } from './lib/plot.mjs';
import { median } from './lib/stats.mjs';

/** What a benchmark has written, or no results. */
function read(name) {
  const file = new URL(`results/${name}.json`, import.meta.url);
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : { results: {} };
}

const { dtype, results } = read('runtime');
const growth = read('growth');
const folder = new URL('../docs/performance/', import.meta.url);

/** One line per contender: the median over rounds of `value` against the number of callers. */
function byClients(rounds, value) {
  const unique = (field) => [...new Set(rounds.map((round) => round[field]))];
  return unique('contender').map((name) => ({
    name,
    points: unique('clients').map((clients) => [
      clients,
      median(rounds.filter((r) => r.contender === name && r.clients === clients).map(value)),
    ]),
  }));
}

const charts = {};
if (results.policy) {
  charts['throughput-by-budget'] = {
    ...{ title: `512 mixed paragraphs (${dtype}): throughput by batch size`, logX: true },
    ...{ x: 'tokens per run, padding included', y: 'texts per second' },
    lines: [{ name: 'embedlane', points: results.policy.map(({ budget, rate }) => [budget, rate]) }],
  };
}
if (results.clients) {
  const axes = { x: 'callers at the same time, one question each', logX: true };
  charts['throughput-by-load'] = {
    ...{ ...axes, title: `Throughput by load (${dtype})`, y: 'texts per second' },
    lines: byClients(results.clients, ({ requests }) => requests),
  };
  charts['latency-by-load'] = {
    ...{ ...axes, title: `99th percentile of the latency by load (${dtype})`, y: 'milliseconds', logY: true },
    lines: byClients(results.clients, ({ p99 }) => p99),
  };
}
if (results.memory) {
  charts['memory-over-time'] = {
    ...{ title: `Resident memory over mixed lengths (${dtype})`, x: 'texts embedded', y: 'megabytes' },
    lines: results.memory.map(({ contender, points }) => ({
      name: contender,
      points: points.map(({ texts, bytes }) => [texts, bytes / 1e6]),
    })),
  };
}
for (const [along, x] of [
  ['rows', 'rows'],
  ['dims', 'values per row'],
]) {
  const measured = growth.results[along];
  if (!measured) continue;
  const fixed =
    along === 'rows'
      ? `${growth.fixed.dims} values per row`
      : `${growth.fixed.rows.toLocaleString('en')} rows`;
  charts[`search-by-${along}`] = {
    ...{ title: `Exact search: time of a query, ${fixed}, float32`, x, y: 'milliseconds' },
    lines: [...new Set(measured.map(({ name }) => name))].map((name) => ({
      name,
      points: measured
        .filter((result) => result.name === name)
        .map(({ size, rounds }) => [size, median(rounds)]),
    })),
  };
}
mkdirSync(folder, { recursive: true });
for (const [name, chart] of Object.entries(charts)) {
  writeFileSync(new URL(`${name}.svg`, folder), lineChart(chart));
  console.log(`docs/performance/${name}.svg`);
}
