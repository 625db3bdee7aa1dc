/** Formats that are decoded, by what the bytes are and never by a file's name. SVG only where it is allowed. */
export type ImageFormat = 'jpeg' | 'png' | 'webp' | 'gif' | 'tiff' | 'avif' | 'svg';

/** What the beginning of some bytes says they are. */
export interface Sniffed {
  /** Undefined for what is not decoded. */
  format: ImageFormat | undefined;
  /** For messages: `'JPEG'`, `'an HTML page'`, … */
  description: string;
}

/** Bytes from the beginning that {@link sniff} may look at. */
export const SNIFF_BYTES = 1024;

type Signature = [magic: string, offset: number, description: string, format?: ImageFormat];

const SIGNATURES: readonly Signature[] = [
  ['\xff\xd8\xff', 0, 'JPEG', 'jpeg'],
  ['\x89PNG\r\n\x1a\n', 0, 'PNG', 'png'],
  ['GIF87a', 0, 'GIF', 'gif'],
  ['GIF89a', 0, 'GIF', 'gif'],
  ['WEBP', 8, 'WebP', 'webp'],
  ['II*\0', 0, 'TIFF', 'tiff'],
  ['MM\0*', 0, 'TIFF', 'tiff'],
  ['II+\0', 0, 'TIFF', 'tiff'],
  ['MM\0+', 0, 'TIFF', 'tiff'],
  ['ftyp', 4, 'HEIF or a video'],
  ['%PDF', 0, 'a PDF'],
  ['BM', 0, 'BMP'],
  ['\xff\x0a', 0, 'JPEG XL'],
  ['\0\0\0\x0cJXL ', 0, 'JPEG XL'],
  ['PK\x03\x04', 0, 'a ZIP archive'],
  ['\x1f\x8b', 0, 'gzip'],
];

export function sniff(bytes: Uint8Array): Sniffed {
  if (bytes.length === 0) return { format: undefined, description: 'zero bytes' };
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, SNIFF_BYTES)).toString(
    'latin1',
  );
  if (head.startsWith('ftyp', 4) && /avi[fs]/.test(brands(bytes, head))) {
    return { format: 'avif', description: 'AVIF' };
  }
  for (const [magic, offset, description, format] of SIGNATURES) {
    if (head.startsWith(magic, offset)) return { format, description };
  }
  return sniffText(head, bytes.subarray(0, SNIFF_BYTES));
}

/** Brands of a file of the MP4 kind. The first may be a general one, such as `mif1`, where a later one says AVIF. */
function brands(bytes: Uint8Array, head: string): string {
  const size = new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(0);
  const list = head.slice(8, Math.min(size, head.length));
  return (list.match(/.{4}/gs) ?? []).filter((_, place) => place !== 1).join(' ');
}

function sniffText(head: string, bytes: Uint8Array): Sniffed {
  const text = head.replace(/^\xef\xbb\xbf/, '').trimStart();
  if (/^<(\?xml|svg|!doctype svg|!--)/i.test(text) && /<(!doctype )?svg/i.test(text)) {
    return { format: 'svg', description: 'SVG' };
  }
  if (/^<(!doctype html|html|head|body)/i.test(text))
    return { format: undefined, description: 'an HTML page' };
  const binary = bytes.some((byte) => byte < 32 && byte !== 9 && byte !== 10 && byte !== 13);
  return { format: undefined, description: binary ? 'bytes of an unknown format' : 'text' };
}
