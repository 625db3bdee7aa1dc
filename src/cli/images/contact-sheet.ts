import { AtomicFile } from '../../core/atomic-file.js';
import type { ImageAnswer } from './search-images.js';

/** Longest side of a thumbnail, in pixels. */
const THUMBNAIL = 240;

/** Writes one HTML file with everything in it: each question, and thumbnails of what was found. */
export async function writeContactSheet(path: string, answers: readonly ImageAnswer[]): Promise<void> {
  const file = await AtomicFile.create(path);
  try {
    await file.append(HEAD);
    for (const { question, picture, hits } of answers) {
      await file.append(`<section>\n<h2>${escaped(question)}</h2>\n`);
      if (picture !== undefined) await file.append(await figure(picture, 'question', ''));
      await file.append('<div class="hits">\n');
      for (const { path: hit, file: name, score } of hits)
        await file.append(await figure(hit, name, score.toFixed(4)));
      await file.append('</div>\n</section>\n');
    }
    await file.append('</body>\n</html>\n');
    await file.commit();
  } catch (error) {
    await file.discard();
    throw error;
  }
}

async function figure(path: string, name: string, score: string): Promise<string> {
  const source = await thumbnail(path);
  const image =
    source === undefined ? '<p>cannot be read any more</p>' : `<img src="${source}" alt="${escaped(name)}">`;
  return `<figure>${image}<figcaption>${score} <span>${escaped(name)}</span></figcaption></figure>\n`;
}

/** A picture may have gone or changed since it was indexed: that must not cost the whole sheet. */
async function thumbnail(path: string): Promise<string | undefined> {
  const { loadSharp } = await import('../../image/decode/sharp.js');
  const sharp = await loadSharp();
  try {
    const bytes = await sharp(path)
      .autoOrient()
      .resize(THUMBNAIL, THUMBNAIL, { fit: 'inside', withoutEnlargement: true })
      .flatten({ background: 'white' })
      .jpeg({ quality: 80 })
      .toBuffer();
    return `data:image/jpeg;base64,${bytes.toString('base64')}`;
  } catch {
    return undefined;
  }
}

function escaped(text: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  return text.replaceAll(/[&<>"]/g, (character) => entities[character]);
}

const HEAD = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>embedlane search</title>
<style>
body { font: 16px/1.4 system-ui, sans-serif; margin: 2rem; color: #222; background: #fafafa; }
.hits { display: flex; flex-wrap: wrap; gap: 1rem; }
figure { margin: 0; width: ${THUMBNAIL}px; }
img { max-width: 100%; border-radius: 4px; }
figcaption { font-size: 0.85rem; overflow-wrap: anywhere; }
figcaption span { color: #666; }
</style>
</head>
<body>
`;
