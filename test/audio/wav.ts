import { open } from 'node:fs/promises';

/** Writes a WAV file of 16-bit silence that takes no room: all but its header is a hole. */
export async function silence(path: string, seconds: number, rate = 16_000): Promise<void> {
  const header = Buffer.alloc(44);
  const bytes = 2 * rate * seconds;
  header.write('RIFF', 0);
  header.writeUInt32LE(36 + bytes, 4);
  header.write('WAVEfmt ', 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(rate, 24);
  header.writeUInt32LE(2 * rate, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write('data', 36);
  header.writeUInt32LE(bytes, 40);
  const file = await open(path, 'w');
  await file.write(header);
  await file.truncate(44 + bytes);
  await file.close();
}
