/** Line charts as SVG text: nothing that a chart of three lines needs is worth a library. */

const WIDTH = 720;
const HEIGHT = 400;
const MARGIN = { left: 70, right: 40, top: 48, bottom: 56 };
const COLORS = ['#0b6bcb', '#d1495b', '#2e933c', '#8a5fbf', '#c9791d'];
const LINE_HEIGHT = 18;

/**
 * @param {{ title: string, x: string, y: string, logX?: boolean, logY?: boolean,
 *   lines: { name: string, points: [number, number][] }[] }} chart
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
    MARGIN.top + lines.length * LINE_HEIGHT,
  );
  const middle = (MARGIN.left + WIDTH - MARGIN.right) / 2;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="13" fill="#222">
<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>
<text x="${middle}" y="22" text-anchor="middle" font-size="15" font-weight="bold">${escaped(title)}</text>
${across.ticks.map((tick) => vertical(across.at(tick), tick, up)).join('\n')}
${up.ticks.map((tick) => horizontal(up.at(tick), tick)).join('\n')}
<text x="${middle}" y="${HEIGHT - 14}" text-anchor="middle">${escaped(x)}</text>
<text x="18" y="${HEIGHT / 2}" text-anchor="middle" transform="rotate(-90 18 ${HEIGHT / 2})">${escaped(y)}</text>
${lines.map((line, i) => drawn(line, i, across, up)).join('\n')}
</svg>
`;
}

function drawn({ name, points }, i, across, up) {
  const color = COLORS[i % COLORS.length];
  const at = points.map(([a, b]) => [across.at(a).toFixed(1), up.at(b).toFixed(1)]);
  const dots =
    points.length > 40 ? [] : at.map(([a, b]) => `<circle cx="${a}" cy="${b}" r="3" fill="${color}"/>`);
  const y = 44 + i * LINE_HEIGHT;
  return [
    `<polyline fill="none" stroke="${color}" stroke-width="2" points="${at.map((point) => point.join(',')).join(' ')}"/>`,
    ...dots,
    `<line x1="${MARGIN.left + 8}" x2="${MARGIN.left + 32}" y1="${y - 4}" y2="${y - 4}" stroke="${color}" stroke-width="3"/>`,
    `<text x="${MARGIN.left + 40}" y="${y}">${escaped(name)}</text>`,
  ].join('\n');
}

function vertical(x, tick, up) {
  const [bottom, top] = up.range;
  return `<line x1="${x}" x2="${x}" y1="${top}" y2="${bottom}" stroke="#eee"/><text x="${x}" y="${bottom + 18}" text-anchor="middle">${shown(tick)}</text>`;
}

function horizontal(y, tick) {
  return `<line x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${y}" y2="${y}" stroke="#ddd"/><text x="${MARGIN.left - 8}" y="${y + 4}" text-anchor="end">${shown(tick)}</text>`;
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
  return Number(value.toPrecision(3)).toLocaleString('en');
}

function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
