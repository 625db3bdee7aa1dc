/** Line and bar charts as SVG text: nothing that a chart of a few lines needs is worth a library. */

const WIDTH = 720;
const HEIGHT = 400;
const MARGIN = { left: 70, right: 40, top: 48, bottom: 56 };
const COLORS = ['#0b6bcb', '#d1495b', '#2e933c', '#8a5fbf', '#c9791d'];
/** Of the lines' names above the drawing, in columns. */
const LEGEND = { line: 18, column: 310, columns: 2 };
const MIDDLE = (MARGIN.left + WIDTH - MARGIN.right) / 2;
/** Of the names beside bars. */
const NAMES_WIDTH = 190;

/** On light and on dark pages, as the reader has them; the lines' colours stand out on both. */
const STYLE =
  'svg{color:#24292f;background:#fff}.grid{stroke:#d0d7de}' +
  '@media(prefers-color-scheme:dark){svg{color:#d1d7e0;background:#0d1117}.grid{stroke:#30363d}}';

/**
 * @param {{ title: string, x: string, y: string, logX?: boolean, logY?: boolean,
 *   lines: { name: string, dashed?: boolean, color?: number, points: [number, number][] }[] }} chart `color` is a place in
 *   the palette, by default the line's own
 * @returns {string} a whole SVG document
 */
export function lineChart({ title, x, y, logX = false, logY = false, lines }) {
  const points = lines.flatMap((line) => line.points);
  const across = axis(
    points.map(([value]) => value),
    logX,
    MARGIN.left,
    WIDTH - MARGIN.right,
  );
  const up = axis(
    points.map(([, value]) => value),
    logY,
    HEIGHT - MARGIN.bottom,
    MARGIN.top + Math.ceil(lines.length / LEGEND.columns) * LEGEND.line,
  );
  return drawing(title, [
    ...across.ticks.map((tick) => vertical(across.at(tick), tick, up.range)),
    ...up.ticks.map((tick) => horizontal(up.at(tick), tick)),
    label(MIDDLE, x),
    `<text x="14" y="${HEIGHT / 2}" text-anchor="middle" transform="rotate(-90 14 ${HEIGHT / 2})">${escaped(y)}</text>`,
    ...lines.map((line, i) => drawn(line, i, across, up)),
  ]);
}

/**
 * @param {{ title: string, x: string, bars: { name: string, value: number, strong?: boolean }[] }} chart
 * @returns {string} a whole SVG document
 */
export function barChart({ title, x, bars }) {
  const step = (HEIGHT - MARGIN.top - MARGIN.bottom) / bars.length;
  const across = axis(
    bars.map(({ value }) => value),
    false,
    NAMES_WIDTH,
    WIDTH - MARGIN.right,
  );
  const range = [HEIGHT - MARGIN.bottom, MARGIN.top];
  return drawing(title, [
    ...across.ticks.map((tick) => vertical(across.at(tick), tick, range)),
    label((NAMES_WIDTH + WIDTH - MARGIN.right) / 2, x),
    ...bars.map((one, i) => bar(one, across.at(one.value), MARGIN.top + i * step, step)),
  ]);
}

function bar({ name, value, strong = false }, end, y, step) {
  const middle = (y + step / 2 + 4).toFixed(1);
  const size = `width="${(end - NAMES_WIDTH).toFixed(1)}" height="${((2 * step) / 3).toFixed(1)}"`;
  return [
    `<rect x="${NAMES_WIDTH}" y="${(y + step / 6).toFixed(1)}" ${size} fill="${COLORS[strong ? 0 : 3]}"/>`,
    `<text x="${NAMES_WIDTH - 8}" y="${middle}" text-anchor="end">${escaped(name)}</text>`,
    `<text x="${(end - 6).toFixed(1)}" y="${middle}" text-anchor="end" fill="#fff">${shown(value)}</text>`,
  ].join('\n');
}

function drawing(title, parts) {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="13" fill="currentColor">
<title>${escaped(title)}</title>
<style>${STYLE}</style>
<text x="${WIDTH / 2}" y="22" text-anchor="middle" font-size="15" font-weight="bold">${escaped(title)}</text>
${parts.join('\n')}
</svg>
`;
}

/** What the axis below is of. */
function label(x, words) {
  return `<text x="${x}" y="${HEIGHT - 14}" text-anchor="middle">${escaped(words)}</text>`;
}

function drawn({ name, points, dashed = false, color: place }, i, across, up) {
  const color = COLORS[(place ?? i) % COLORS.length];
  const stroke = `stroke="${color}"${dashed ? ' stroke-dasharray="6 4"' : ''}`;
  const at = points.map(([a, b]) => [across.at(a).toFixed(1), up.at(b).toFixed(1)]);
  const dots =
    points.length > 40 ? [] : at.map(([a, b]) => `<circle cx="${a}" cy="${b}" r="3" fill="${color}"/>`);
  const y = 44 + Math.floor(i / LEGEND.columns) * LEGEND.line;
  const x = MARGIN.left + 8 + (i % LEGEND.columns) * LEGEND.column;
  return [
    `<polyline fill="none" ${stroke} stroke-width="2" points="${at.map((point) => point.join(',')).join(' ')}"/>`,
    ...dots,
    `<line x1="${x}" x2="${x + 24}" y1="${y - 4}" y2="${y - 4}" ${stroke} stroke-width="3"/>`,
    `<text x="${x + 32}" y="${y}">${escaped(name)}</text>`,
  ].join('\n');
}

function vertical(x, tick, [bottom, top]) {
  return `<line class="grid" x1="${x}" x2="${x}" y1="${top}" y2="${bottom}"/><text x="${x}" y="${bottom + 18}" text-anchor="middle">${shown(tick)}</text>`;
}

function horizontal(y, tick) {
  return `<line class="grid" x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${y}" y2="${y}"/><text x="${MARGIN.left - 8}" y="${y + 4}" text-anchor="end">${shown(tick)}</text>`;
}

/** A scale from values to places: linear from 0, or logarithmic over whole powers of two or ten. */
function axis(values, logarithmic, start, end) {
  const most = Math.max(...values);
  if (!logarithmic) {
    const step = niceStep(most / 5);
    const last = Math.ceil(most / step) * step;
    const ticks = Array.from({ length: Math.round(last / step) + 1 }, (_, i) => i * step);
    return { ticks, range: [start, end], at: (value) => start + ((end - start) * value) / last };
  }
  const least = Math.min(...values);
  const base = most / least > 200 ? 10 : 2;
  const low = Math.floor(Math.log(least) / Math.log(base) + 1e-9);
  const high = Math.ceil(Math.log(most) / Math.log(base) - 1e-9);
  const ticks = Array.from({ length: high - low + 1 }, (_, i) => base ** (low + i));
  const share = (value) => (Math.log(value) / Math.log(base) - low) / (high - low);
  return { ticks, range: [start, end], at: (value) => start + (end - start) * share(value) };
}

/** 1, 2 or 5 times a power of ten. */
function niceStep(least) {
  const power = 10 ** Math.floor(Math.log10(least));
  return power * ([1, 2, 5, 10].find((factor) => factor * power >= least) ?? 10);
}

function shown(value) {
  return Number(value.toPrecision(4)).toLocaleString('en');
}

function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
