/** embedlane as a user calls it with one long recording: windows of Whisper, or CLAP with all of it at once. */
import { AudioEmbedder, ClapEmbedder } from 'embedlane';
import { serveFiles } from '../lib/serve-files.mjs';

const RATE = 16_000;

let model;
let embed;

serveFiles(
  async ({ kind, folder }) => {
    if (kind === 'whisper') {
      model = await AudioEmbedder.load(folder);
      embed = (input) => model.encodeWindows(input);
    } else {
      model = await ClapEmbedder.load(folder);
      embed = (input) => model.encodeAudio(input);
    }
    await embed({ samples: new Float32Array(30 * RATE), sampleRate: RATE });
    return {};
  },
  async ([path]) => void (await embed(path)),
  () => model?.close(),
);
