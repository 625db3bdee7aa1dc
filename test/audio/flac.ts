/**
 * FLAC of stereo silence, 16 bits at 44.1 kHz: as much sound in as few bytes as the format allows for frames of this size
 * (RFC 9639).
 */
export function silentFlac(frames: number, blockSize: number): Buffer {
  const header = Buffer.alloc(42);
  header.write('fLaC');
  header.writeUInt32BE(0x80000022, 4);
  header.writeUInt16BE(blockSize, 8);
  header.writeUInt16BE(blockSize, 10);
  // 20 bits of sample rate, 3 of channels − 1, 5 of bits − 1, 36 of the number of samples.
  header.writeBigUInt64BE(
    (44_100n << 44n) | (1n << 41n) | (15n << 36n) | (BigInt(frames) * BigInt(blockSize)),
    18,
  );
  return Buffer.concat([header, ...Array.from({ length: frames }, (_, i) => silentFrame(i, blockSize))]);
}

function silentFrame(index: number, blockSize: number): Buffer {
  const head = [0xff, 0xf8, 0x79, 0x18, ...codedNumber(index), (blockSize - 1) >> 8, (blockSize - 1) & 255];
  // A constant of 16 bits for each channel.
  const frame = [...head, crc(head, 8, 0x07), 0, 0, 0, 0, 0, 0];
  const check = crc(frame, 16, 0x8005);
  return Buffer.from([...frame, check >> 8, check & 255]);
}

/** As UTF-8 codes characters. */
function codedNumber(n: number): number[] {
  if (n < 0x80) return [n];
  if (n < 0x800) return [0xc0 | (n >> 6), 0x80 | (n & 63)];
  return [0xe0 | (n >> 12), 0x80 | ((n >> 6) & 63), 0x80 | (n & 63)];
}

function crc(bytes: readonly number[], bits: number, polynomial: number): number {
  let value = 0;
  for (const byte of bytes) {
    value ^= byte << (bits - 8);
    for (let i = 0; i < 8; i++) {
      value = ((value << 1) ^ ((value >> (bits - 1)) & 1 ? polynomial : 0)) & ((1 << bits) - 1);
    }
  }
  return value;
}
