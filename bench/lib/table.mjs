/** Three significant digits, without an exponent: 1234 → "1,234", 12.34 → "12.3", 0.01234 → "0.0123". */
export function number(value, digits = 3) {
  if (value === undefined || value === null || Number.isNaN(value)) return '—';
  if (!Number.isFinite(value)) return String(value);
  const magnitude = value === 0 ? 0 : Math.floor(Math.log10(Math.abs(value)));
  const decimals = Math.min(6, Math.max(0, digits - 1 - magnitude));
  return value.toLocaleString('en-US', { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

export const times = (ratio) => (Number.isFinite(ratio) ? `${number(ratio)}×` : '—');
export const megabytes = (bytes) => (bytes ? `${number(bytes / 2 ** 20)} MB` : '—');
export const percent = (share) => (Number.isFinite(share) ? `${(100 * share).toFixed(0)} %` : '—');

/** Columns as wide as their widest cell; the first aligned left, the others right, because they hold numbers. */
export function table(header, rows) {
  const cells = [header, ...rows].map((row) => row.map(String));
  const widths = header.map((_, column) => Math.max(...cells.map((row) => row[column].length)));
  const line = (row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column])))
      .join('  ')
      .trimEnd();
  const rule = widths.map((width) => '─'.repeat(width)).join('  ');
  return [line(cells[0]), rule, ...cells.slice(1).map(line)].join('\n');
}

export function heading(text) {
  console.log(`\n${text}\n${'='.repeat(text.length)}`);
}
