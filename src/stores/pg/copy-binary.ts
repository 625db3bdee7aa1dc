/**
 * Rows in the binary format of PostgreSQL's `COPY`.
 *
 * @see https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-BINARY-FORMAT
 */
const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1');
const NO_FIELD = -1;

/** The whole of a binary copy: each row is a list of fields, null for NULL. */
export function copyBinary(rows: readonly (readonly (Buffer | null)[])[]): Buffer {
  // Signature, flags and the length of an extension that is not there.
  const parts: Buffer[] = [SIGNATURE, Buffer.alloc(8)];
  for (const row of rows) {
    const count = Buffer.alloc(2);
    count.writeInt16BE(row.length);
    parts.push(count);
    for (const field of row) {
      const length = Buffer.alloc(4);
      length.writeInt32BE(field === null ? NO_FIELD : field.length);
      parts.push(length);
      if (field !== null) parts.push(field);
    }
  }
  parts.push(Buffer.from([0xff, 0xff]));
  return Buffer.concat(parts);
}

/** JSON in `jsonb`'s binary form: a version, then the text. */
export function jsonbField(json: string): Buffer {
  return Buffer.concat([Buffer.from([1]), Buffer.from(json)]);
}
