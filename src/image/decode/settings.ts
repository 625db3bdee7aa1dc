/** How pictures are read and decoded: part of a lane's load parameters, the same for all its pictures. */
export interface DecodeSettings {
  /** Most pixels of a picture, width × height, looked up before anything is decoded. */
  maxPixels: number;
  /** Most bytes of an encoded picture. */
  maxBytes: number;
  /** `'drop'` ignores transparency, `'white'` puts a white background behind it. */
  alpha: 'drop' | 'white';
  /** Turn pictures as their EXIF orientation says. */
  autoOrient: boolean;
  svg: boolean;
  /** Hosts that pictures may be fetched from. */
  hosts: readonly string[];
  /** Whether those hosts may have addresses that are not public. */
  privateAddresses: boolean;
}

/** 100 megapixels: about the largest photo that a camera takes; 300 MB when decoded. */
export const DEFAULT_MAX_PIXELS = 100_000_000;
export const DEFAULT_MAX_BYTES = 256 * 2 ** 20;
/** Longest side; JPEG's own limit. */
export const MAX_SIDE = 65_535;

/** A decoded picture: RGB bytes, row-major `[height, width, 3]`. */
export interface Pixels {
  data: Uint8Array;
  width: number;
  height: number;
}
