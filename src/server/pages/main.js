import { call, onKey } from './api.js';
import { offer, say } from './dom.js';
import { startMetrics } from './metrics.js';
import { offerPictureModels, startPictures } from './pictures.js';
import { compareTexts, startTexts } from './texts.js';

async function load() {
  try {
    const { data } = await call('/v1/models');
    offer(
      'texts-model',
      data.filter(({ capabilities }) => capabilities.includes('embed')),
    );
    offerPictureModels(data.filter(({ capabilities }) => capabilities.includes('image_embed')));
    await compareTexts();
  } catch (error) {
    say('texts-status', error.message, true);
  }
}

startTexts();
startPictures();
startMetrics();
onKey(load);
load();
