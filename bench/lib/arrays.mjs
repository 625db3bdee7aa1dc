/** Arrays one after the other. */
export function joined(rows) {
  const out = new Float32Array(rows.reduce((sum, row) => sum + row.length, 0));
  let at = 0;
  for (const row of rows) {
    out.set(row, at);
    at += row.length;
  }
  return out;
}

/** The numbers of an answer: as they are from JavaScript, in base64 from Python. */
export function asFloats({ vectors, base64 }) {
  if (vectors) return vectors;
  const bytes = Buffer.from(base64, 'base64');
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}
