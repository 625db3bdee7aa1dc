/**
 * Offsets in UTF-16 units from the library's, which count code points.
 *
 * @param text well-formed text that was encoded
 * @param offsets `[start, end)` per token
 * @returns start and end of each token, flat
 */
export function utf16Offsets(text: string, offsets: number[][]): number[] {
  if (!/[\ud800-\udbff]/.test(text)) return offsets.flat();
  let last = 0;
  for (const [, end] of offsets) last = Math.max(last, end);
  const units = [0];
  for (const character of text) {
    if (units.length > last) break;
    units.push(units[units.length - 1] + character.length);
  }
  return offsets.flatMap(([start, end]) => [units[start], units[end]]);
}
