import { send } from './api.js';
import { byId, element, svg } from './dom.js';

const EVERY = 2000;
/** Points of a curve: two minutes. */
const POINTS = 60;

const rate = (name, digits = 1) => ({
  value: (now, before, seconds) => (sum(now, name) - sum(before, name)) / seconds,
  digits,
});
const quantile = (share) => ({ value: (now, before) => 1000 * latency(now, before, share), digits: 1 });

const FIGURES = {
  'Requests / s': rate('embedlane_requests_total'),
  'Inputs / s': rate('embedlane_texts_total'),
  'Tokens / s': rate('embedlane_tokens_total', 0),
  'In progress': { value: (now) => sum(now, 'embedlane_requests_active'), digits: 0 },
  'Waiting for a model': { value: (now) => sum(now, 'embedlane_model_queue_texts'), digits: 0 },
  'Half within, ms': quantile(0.5),
  '99 % within, ms': quantile(0.99),
};

const curves = Object.fromEntries(Object.keys(FIGURES).map((name) => [name, []]));

/** Reads the figures again and again while the page is seen. */
export function startMetrics() {
  const cells = {};
  for (const name of Object.keys(FIGURES)) {
    const line = svg('polyline', { points: '' });
    const curve = svg(
      'svg',
      { viewBox: `0 0 ${POINTS - 1} 10`, preserveAspectRatio: 'none', 'aria-hidden': 'true' },
      line,
    );
    const value = element('dd', {}, '–');
    cells[name] = { value, line };
    byId('figures').append(element('div', {}, element('dt', {}, name), value, curve));
  }
  let before;
  const turn = async () => {
    if (document.hidden) return;
    const now = await read().catch(() => undefined);
    if (!now) {
      before = undefined;
      // The last figures of a server that is gone would look like those of one that works.
      for (const { value } of Object.values(cells)) value.textContent = '–';
    } else {
      // A server that was started anew counts from nothing.
      if (before && !fewer(now, before)) update(cells, now, before);
      before = now;
    }
  };
  turn();
  setInterval(turn, EVERY);
}

function update(cells, now, before) {
  const seconds = (now.time - before.time) / 1000;
  for (const [name, { value, digits }] of Object.entries(FIGURES)) {
    const figure = value(now, before, seconds);
    const curve = curves[name];
    curve.push(Number.isFinite(figure) ? figure : 0);
    if (curve.length > POINTS) curve.shift();
    cells[name].value.textContent = Number.isFinite(figure) ? figure.toFixed(digits) : '–';
    const most = Math.max(...curve) || 1;
    const points = curve.map((y, x) => `${x + POINTS - curve.length},${9.5 - (y / most) * 9}`);
    cells[name].line.setAttribute('points', points.join(' '));
  }
}

async function read() {
  const response = await send('/metrics', 'GET');
  if (!response.ok) return undefined;
  return { time: performance.now(), samples: parseMetrics(await response.text()) };
}

/** Samples of Prometheus' text format: `{ name, labels, value }`. */
export function parseMetrics(text) {
  const samples = [];
  for (const line of text.split('\n')) {
    const match = /^([a-z_:][\w:]*)(?:\{(.*)\})? (\S+)/i.exec(line);
    if (!match) continue;
    const labels = Object.fromEntries(
      Array.from((match[2] ?? '').matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g), ([, name, value]) => [name, value]),
    );
    samples.push({ name: match[1], labels, value: Number(match[3]) });
  }
  return samples;
}

function fewer(now, before) {
  return sum(now, 'embedlane_requests_total') < sum(before, 'embedlane_requests_total');
}

function sum({ samples }, name) {
  // This page's own readings are not what it shows.
  const wanted = samples.filter((sample) => sample.name === name && sample.labels.route !== '/metrics');
  return wanted.reduce((total, { value }) => total + value, 0);
}

/** Seconds within which a share of the requests between two readings was answered, by the buckets' bounds. */
function latency(now, before, share) {
  const counts = (reading) => {
    const buckets = new Map();
    for (const { name, labels, value } of reading.samples) {
      if (name !== 'embedlane_request_duration_seconds_bucket' || labels.route === '/metrics') continue;
      buckets.set(labels.le, (buckets.get(labels.le) ?? 0) + value);
    }
    return buckets;
  };
  const [later, earlier] = [counts(now), counts(before)];
  const counted = [...later].map(([le, value]) => [
    Number(le.replace('+Inf', 'Infinity')),
    value - (earlier.get(le) ?? 0),
  ]);
  counted.sort(([a], [b]) => a - b);
  const total = counted.at(-1)?.[1] ?? 0;
  if (total === 0) return Number.NaN;
  return counted.find(([, value]) => value >= share * total)?.[0] ?? Number.NaN;
}
