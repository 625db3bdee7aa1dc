import { compositeOnWhite } from './alpha.js';

/** Values per pixel of raw pictures: grey, grey and alpha, RGB, RGBA. */
export type Channels = 1 | 2 | 3 | 4;

/**
 * RGB from pixels with any number of channels.
 *
 * @param data row-major `[pixels, channels]`
 * @param alpha what to do with transparency
 * @returns `[pixels, 3]`; `data` itself if it is RGB already
 */
export function toRgb(data: Uint8Array, channels: Channels, alpha: 'drop' | 'white'): Uint8Array {
  if (channels === 3) return data;
  const wide = channels === 4 ? data : spread(data, channels);
  if (alpha === 'white' && channels !== 1) return compositeOnWhite(wide);
  const out = new Uint8Array((wide.length / 4) * 3);
  for (let from = 0, to = 0; from < wide.length; from += 4, to += 3) {
    out[to] = wide[from];
    out[to + 1] = wide[from + 1];
    out[to + 2] = wide[from + 2];
  }
  return out;
}

/** Grey, with or without alpha, as RGBA. */
function spread(data: Uint8Array, channels: 1 | 2): Uint8Array {
  const out = new Uint8Array((data.length / channels) * 4);
  for (let from = 0, to = 0; from < data.length; from += channels, to += 4) {
    out.fill(data[from], to, to + 3);
    out[to + 3] = channels === 2 ? data[from + 1] : 255;
  }
  return out;
}
