/** `retry-after-ms`, else `retry-after` in seconds or as a date, in milliseconds. */
export function readRetryAfter(headers: { get(name: string): string | null }): number | undefined {
  const exact = headers.get('retry-after-ms');
  if (exact !== null && Number(exact) >= 0) return Number(exact);
  const value = headers.get('retry-after');
  if (value === null) return undefined;
  const milliseconds = Number.isNaN(Number(value)) ? Date.parse(value) - Date.now() : Number(value) * 1000;
  return Number.isNaN(milliseconds) ? undefined : Math.max(0, milliseconds);
}
