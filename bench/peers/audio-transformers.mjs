/** transformers.js: its WhisperFeatureExtractor, one window at a time, as its pipelines use it. */
import { WhisperFeatureExtractor } from '@huggingface/transformers';
import { joined } from '../lib/arrays.mjs';
import { serveFiles } from '../lib/serve-files.mjs';
import { readSamples } from '../lib/sounds.mjs';

let extractor;

serveFiles(
  async ({ mels }) => {
    extractor = new WhisperFeatureExtractor({
      feature_extractor_type: 'WhisperFeatureExtractor',
      feature_size: mels,
      sampling_rate: 16_000,
      hop_length: 160,
      chunk_length: 30,
      n_fft: 400,
      n_samples: 480_000,
      nb_max_frames: 3000,
    });
    return {};
  },
  async (paths) => {
    const rows = [];
    for (const path of paths) rows.push((await extractor(await readSamples(path))).input_features.data);
    return joined(rows);
  },
);
