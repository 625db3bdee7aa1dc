/** IEEE 754 binary16 to binary32, exact. `data` may be a Float16Array where the runtime has one. */
export function widenFloat16(data: Uint16Array): Float32Array {
  const halves = new Uint16Array(data.buffer, data.byteOffset, data.length);
  const out = new Float32Array(halves.length);
  for (let i = 0; i < halves.length; i++) {
    const half = halves[i];
    const sign = half & 0x8000 ? -1 : 1;
    const exponent = (half >> 10) & 31;
    const fraction = half & 1023;
    if (exponent === 31) out[i] = fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
    else if (exponent === 0) out[i] = sign * fraction * 2 ** -24;
    else out[i] = sign * (1024 + fraction) * 2 ** (exponent - 25);
  }
  return out;
}

/** bfloat16, the upper half of a binary32, to binary32; exact. */
export function widenBfloat16(data: Uint16Array): Float32Array {
  const out = new Float32Array(data.length);
  const bits = new Uint32Array(out.buffer);
  for (let i = 0; i < data.length; i++) bits[i] = data[i] << 16;
  return out;
}
