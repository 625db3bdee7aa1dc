const ZERO = 0x30;
const COMMA = 0x2c;
const MINUS = 0x2d;
const POINT = 0x2e;

/** Longest number with its comma: what has nine significant digits has no more than fifteen characters. */
const MAX_CHARACTERS = 20;

/** As wide as the widest row so far needs. */
let scratch = Buffer.allocUnsafe(0);

/**
 * A row as a JSON array, each number with about as many digits as give back the same float32, as servers in Rust and
 * C++ write it. The digits of the double behind it would be twice as many, and take eight times as long: more than
 * all else that a request needs.
 *
 * Decimals are chosen by magnitude so that half a unit of the last one is less than half of the distance to the next
 * float32, which is at least 2^-23 above 1, 2^-29 above 2^-6 and 2^-38 above 2^-15; elsewhere there are nine
 * significant digits. What is just below a power of two is closer to it, but these have few enough decimals, or room.
 */
export function jsonFloats(row: Float32Array): string {
  const room = row.length * MAX_CHARACTERS + 1;
  if (scratch.length < room) scratch = Buffer.allocUnsafe(room);
  const out = scratch;
  let end = 0;
  for (let i = 0; i < row.length; i++) {
    const value = row[i];
    const magnitude = Math.abs(value);
    out[end++] = COMMA;
    if (magnitude >= 2 ** -15 && magnitude < 128) {
      if (value < 0) out[end++] = MINUS;
      end = writeNumber(out, end, magnitude);
    } else if (value === 0) {
      out[end++] = ZERO;
    } else {
      // JSON has no NaN and no infinities.
      end += out.write(Number.isFinite(value) ? String(Number(value.toPrecision(9))) : 'null', end, 'latin1');
    }
  }
  return `[${out.toString('latin1', 1, end)}]`;
}

/** @param magnitude between 2^-15 and 128 */
function writeNumber(out: Buffer, start: number, magnitude: number): number {
  let end = start;
  if (magnitude >= 1) {
    const scaled = Math.round(magnitude * 1e7);
    const whole = Math.floor(scaled / 1e7);
    end = writeDigits(out, end, whole, whole < 10 ? 1 : whole < 100 ? 2 : 3);
    out[end++] = POINT;
    end = writeDigits(out, end, scaled - whole * 1e7, 7);
  } else {
    out[end++] = ZERO;
    out[end++] = POINT;
    if (magnitude >= 2 ** -6) {
      end = writeDigits(out, end, Math.round(magnitude * 1e9), 9);
    } else {
      const scaled = Math.round(magnitude * 1e12);
      const high = Math.floor(scaled / 1e6);
      end = writeDigits(out, end, high, 6);
      end = writeDigits(out, end, scaled - high * 1e6, 6);
    }
  }
  while (out[end - 1] === ZERO) end--;
  return out[end - 1] === POINT ? end - 1 : end;
}

/** Writes an integer below 10^9 with leading zeros. */
function writeDigits(out: Buffer, start: number, integer: number, digits: number): number {
  let rest = integer | 0;
  for (let at = start + digits - 1; at >= start; at--) {
    const tenth = (rest / 10) | 0;
    out[at] = ZERO + rest - 10 * tenth;
    rest = tenth;
  }
  return start + digits;
}
