/** Photographs of 1 to 4 megapixels as JPEG files, made once from the sample pictures that the repository has. */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';

const samples = fileURLToPath(new URL('../../examples/images/', import.meta.url));
const folder = fileURLToPath(new URL('../results/pictures/', import.meta.url));
export const modelsFolder = fileURLToPath(new URL('../../models/', import.meta.url));
export const modelId = 'efficientnet-lite0';

const NAMES = ['astronaut', 'cat', 'coffee', 'rocket'];

/** Paths of `count` pictures. Widths differ by a few pixels each, so that no two are the same. */
export async function pictures(count) {
  mkdirSync(folder, { recursive: true });
  const paths = [];
  for (let i = 0; i < count; i++) {
    const megapixels = 1 + (3 * i) / Math.max(1, count - 1);
    const path = join(folder, `${NAMES[i % NAMES.length]}-${megapixels.toFixed(3)}.jpg`);
    paths.push(path);
    if (existsSync(path)) continue;
    const sample = sharp(join(samples, `${NAMES[i % NAMES.length]}.jpg`));
    const { width, height } = await sample.metadata();
    const scale = Math.sqrt((megapixels * 1e6) / (width * height));
    // Enlarging leaves no detail, which would make the files small and quick to decode: noise brings it back.
    const [w, h] = [Math.round(width * scale), Math.round(height * scale)];
    const noise = await sharp({
      create: {
        width: w,
        height: h,
        channels: 3,
        background: '#808080',
        noise: { type: 'gaussian', mean: 128, sigma: 12 },
      },
    })
      .png({ compressionLevel: 0 })
      .toBuffer();
    await sample
      .resize(w, h)
      .composite([{ input: noise, blend: 'soft-light' }])
      .jpeg({ quality: 88 })
      .toFile(path);
  }
  return paths;
}
