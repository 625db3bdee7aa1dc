/** A field of a record; dots reach into nested objects. Undefined where there is none. */
export function fieldOf(record: unknown, field: string): unknown {
  let value = record;
  for (const key of field.split('.')) {
    value =
      typeof value === 'object' && value !== null && Object.hasOwn(value, key)
        ? (value as Record<string, unknown>)[key]
        : undefined;
  }
  return value;
}

/** Integers of 64 bits, as Parquet has them, alone or in a list, as numbers; anything else as it is. */
export function withoutBigInts(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value);
  return Array.isArray(value) && value.some((item) => typeof item === 'bigint')
    ? value.map(withoutBigInts)
    : value;
}
