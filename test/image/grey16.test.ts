import { crc32, deflateSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { decode, inspect } from '#dist/image/decode/decode.js';
import { DECODE } from './support.js';

function chunk(type: string, content: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type), content]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(content.length);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}

/** Pillow's mode `I;16`, which it clips at 255, whether or not a level of it is transparent. */
it('16-bit grey is clipped, also with a transparent level', async () => {
  const levels = [0, 7, 255, 256, 65_535];
  const row = Buffer.from([0, ...levels.flatMap((level) => [level >> 8, level & 255])]);
  const header = Buffer.from([0, 0, 0, levels.length, 0, 0, 0, 1, 16, 0, 0, 0, 0]);
  const picture = (...ancillary: Buffer[]) =>
    Buffer.concat([
      Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
      chunk('IHDR', header),
      ...ancillary,
      chunk('IDAT', deflateSync(row)),
      chunk('IEND', Buffer.alloc(0)),
    ]);
  for (const bytes of [picture(), picture(chunk('tRNS', Buffer.from([0, 7])))]) {
    const { data } = await decode(await inspect(bytes, undefined, DECODE), DECODE, () => () => {});
    expect([...data]).toEqual([0, 7, 255, 255, 255].flatMap((level) => [level, level, level]));
  }
});
