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
