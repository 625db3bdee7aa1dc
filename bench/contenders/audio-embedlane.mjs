/** The part of embedlane's lane that turns samples into Whisper's features, without the model. */
import { WhisperFeatureExtractor } from '../../dist/audio/features/whisper.js';
import { joined } from '../lib/arrays.mjs';
import { serveFiles } from '../lib/serve-files.mjs';
import { readSamples } from '../lib/sounds.mjs';

let extractor;
let threads;

serveFiles(
  async (options) => {
    threads = options.threads;
    extractor = new WhisperFeatureExtractor({
      mels: options.mels,
      sampleRate: 16_000,
      fftSize: 400,
      hop: 160,
      windowSamples: 480_000,
    });
    return {};
  },
  async (paths) => {
    const rows = [];
    for (const path of paths) rows.push((await extractor.extract(await readSamples(path), threads)).values);
    return joined(rows);
  },
);
