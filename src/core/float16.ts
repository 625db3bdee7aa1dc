import { fromHalves } from '../native/fallback/half.js';

/** IEEE 754 binary16 to binary32, exact. `data` may be a Float16Array where the runtime has one. */
export function widenFloat16(data: Uint16Array): Float32Array {
  const out = new Float32Array(data.length);
  fromHalves('f16', new Uint16Array(data.buffer, data.byteOffset, data.length), out);
  return out;
}

/** bfloat16, the upper half of a binary32, to binary32; exact. */
export function widenBfloat16(data: Uint16Array): Float32Array {
  const out = new Float32Array(data.length);
  fromHalves('bf16', data, out);
  return out;
}
