const ZERO = 0x30;
const COMMA = 0x2c;
const MINUS = 0x2d;
const POINT = 0x2e;

/** Longest number: a comma, a sign, and the 21 digits that JavaScript writes before it takes an exponent. */
const MAX_CHARACTERS = 23;

/** Of every number below 1000, its three digits as characters, the first in the lowest byte. */
const DIGITS = Uint32Array.from({ length: 1000 }, (_, number) => {
  const digit = (unit: number) => ZERO + (Math.floor(number / unit) % 10);
  return digit(100) | (digit(10) << 8) | (digit(1) << 16);
});

/** As wide as the widest row so far needs. */
let scratch = Buffer.allocUnsafe(0);

/**
 * A row as a JSON array, each number with about as many digits as give back the same float32, as servers in Rust and
 * C++ write it. The digits of the double behind it would be twice as many, and take five times as long: more than
 * all else that a request needs.
 *
 * Decimals are chosen by magnitude so that half a unit of the last one is less than half of the distance to the next
 * float32, which is at least 2^-23 above 1, 2^-29 above 2^-6, 2^-38 above 2^-15 and 2^-48 above 2^-25; elsewhere there are
 * nine significant digits. What is just below a power of two is closer to it, but these have few enough decimals, or room.
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
    if (magnitude >= 2 ** -25 && magnitude < 128) {
      // Half of all numbers are negative: a branch would be guessed wrong as often.
      out[end] = MINUS;
      end = writeNumber(out, value < 0 ? end + 1 : end, magnitude);
    } else if (value === 0) {
      out[end++] = ZERO;
    } else {
      end += out.write(rareNumber(value), end, 'latin1');
    }
  }
  return `[${out.toString('latin1', 1, end)}]`;
}

function rareNumber(value: number): string {
  // JSON has no NaN and no infinities.
  if (!Number.isFinite(value)) return 'null';
  const digits = value.toPrecision(9);
  // Of what has an exponent, nearly all digits count; 128 would be 128.000000.
  return Math.abs(value) < 1 ? digits : String(Number(digits));
}

/** @param magnitude between 2^-25 and 128 */
function writeNumber(out: Buffer, start: number, magnitude: number): number {
  let end = start;
  let fraction: number;
  if (magnitude < 1) {
    out[end++] = ZERO;
    out[end++] = POINT;
    if (magnitude >= 2 ** -6) {
      fraction = Math.floor(magnitude * 1e9 + 0.5);
    } else {
      let scaled = Math.floor(magnitude * 1e12 + 0.5);
      if (magnitude < 2 ** -15) {
        scaled = Math.floor(magnitude * 1e15 + 0.5);
        end = writeThree(out, end, DIGITS[0]);
      }
      const high = (scaled / 1e9) | 0;
      fraction = scaled - high * 1e9;
      end = writeThree(out, end, DIGITS[high]);
    }
  } else {
    const scaled = Math.floor(magnitude * 1e7 + 0.5);
    const whole = (scaled / 1e7) | 0;
    const skipped = whole < 10 ? 2 : whole < 100 ? 1 : 0;
    end = writeThree(out, end, DIGITS[whole] >>> (8 * skipped)) - skipped;
    out[end++] = POINT;
    fraction = (scaled - whole * 1e7) * 100;
  }
  end = writeNine(out, end, fraction | 0);
  while (out[end - 1] === ZERO) end--;
  return out[end - 1] === POINT ? end - 1 : end;
}

/** Writes an integer below 10^9 with leading zeros. */
function writeNine(out: Buffer, start: number, integer: number): number {
  const millions = (integer / 1e6) | 0;
  const rest = integer - millions * 1e6;
  const thousands = (rest / 1000) | 0;
  const end = writeThree(out, writeThree(out, start, DIGITS[millions]), DIGITS[thousands]);
  return writeThree(out, end, DIGITS[rest - thousands * 1000]);
}

/** @param digits of {@link DIGITS} */
function writeThree(out: Buffer, start: number, digits: number): number {
  out[start] = digits;
  out[start + 1] = digits >>> 8;
  out[start + 2] = digits >>> 16;
  return start + 3;
}
