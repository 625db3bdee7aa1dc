import { EmbedlaneError } from '../../core/errors.js';
import type { ImageFormat } from '../decode/sniff.js';

const FORMATS: Record<string, ImageFormat> = {
  'image/jpeg': 'jpeg',
  'image/jpg': 'jpeg',
  'image/png': 'png',
  'image/webp': 'webp',
  'image/gif': 'gif',
  'image/tiff': 'tiff',
  'image/avif': 'avif',
  'image/svg+xml': 'svg',
};

/** The content of a `data:` URI and the format that its media type names. */
export interface DataUri {
  bytes: Uint8Array;
  /** Undefined for types that promise nothing, such as application/octet-stream. */
  format: ImageFormat | undefined;
}

/** @throws {EmbedlaneError} `ERR_IMAGE` if it is malformed or not about a picture */
export function parseDataUri(uri: string): DataUri {
  const comma = uri.indexOf(',');
  if (comma < 0) throw refused("a data URI with a ','", 'one without');
  const [type, ...parameters] = uri
    .slice('data:'.length, comma)
    .toLowerCase()
    .split(';')
    .map((part) => part.trim());
  const format = FORMATS[type];
  const neutral = type === '' || type === 'application/octet-stream' || type === 'image/*';
  if (format === undefined && !neutral)
    throw refused("a picture's media type in a data URI", type.slice(0, 60));
  const content = uri.slice(comma + 1);
  if (parameters.at(-1) === 'base64') return { bytes: fromBase64(content), format };
  if (/%(?![\da-f]{2})/i.test(content))
    throw refused('percent-encoded bytes in a data URI', 'something else');
  const text = content.replaceAll(/%([\da-f]{2})/gi, (_, byte: string) =>
    String.fromCharCode(Number.parseInt(byte, 16)),
  );
  return { bytes: Buffer.from(text, 'latin1'), format };
}

/** Buffer.from skips what is no base64, and would make a picture of anything. */
function fromBase64(content: string): Uint8Array {
  const text = content.includes('%')
    ? content.replaceAll(/%2b/gi, '+').replaceAll(/%2f/gi, '/').replaceAll(/%3d/gi, '=')
    : content;
  const bytes = Buffer.from(text, 'base64');
  const characters = text.replaceAll(/[\s=]/g, '').length;
  if (Math.ceil((bytes.length * 4) / 3) !== characters)
    throw refused('base64 in a data URI', 'other characters');
  return bytes;
}

function refused(expected: string, actual: string): EmbedlaneError {
  return new EmbedlaneError('ERR_IMAGE', `Expected ${expected} but received ${actual}`);
}
