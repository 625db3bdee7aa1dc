import { join } from 'node:path';
import { throwIfAborted } from '../core/abort.js';
import { invalidArgument } from '../core/errors.js';
import type { ModelLocation } from '../hub/index.js';
import type { TextModelConfig } from '../text/config/index.js';
import type { Loaded } from '../text/lane/protocol.js';
import type { LoadSettings } from '../text/options.js';
import type { TextLane } from '../text/text-lane.js';
import { StaticModel } from './model.js';
import { StaticTextLane } from './text-lane.js';

/** A static model, ready to be a `TextEmbedder`'s. */
export interface StaticText {
  lane: TextLane;
  loaded: Loaded;
  id: string;
  modelFile: string;
  config: TextModelConfig;
  maxTokens: number | undefined;
}

/** Opens a static model as `TextEmbedder.load` does any other. Throws what that documents. */
export async function openStaticText(
  { id, folder }: ModelLocation,
  settings: LoadSettings,
): Promise<StaticText> {
  const { dtype, modelFile, pooling, maxTokens, runtime, signal } = settings;
  const not = 'nothing, since the model is a static one,';
  if (modelFile !== undefined) throw invalidArgument('modelFile', not, modelFile);
  if (pooling !== undefined) throw invalidArgument('pooling', not, pooling);
  if (dtype !== 'auto' && dtype !== 'fp32') {
    throw invalidArgument('dtype', "'auto' or 'fp32', since the model is a static one,", dtype);
  }
  const model = await StaticModel.open(folder, {
    library: undefined,
    maxTokens,
    threads: runtime.session.threads || undefined,
    mode: 'memory',
  });
  try {
    throwIfAborted(signal);
  } catch (error) {
    model.close();
    throw error;
  }
  const { path, normalize, prompts, defaultPromptName, similarity, truncateDim } = model.config;
  const lane = new StaticTextLane(model);
  return {
    lane,
    loaded: lane.loaded,
    id,
    modelFile: join(folder, path, 'model.safetensors'),
    config: {
      encoders: [],
      routes: [
        {
          name: '',
          encoder: 0,
          taskTokens: { query: undefined, document: undefined },
          modules: normalize ? [{ type: 'normalize', level: 'sentence_embedding' }] : [],
        },
      ],
      routeOf: { query: 0, document: 0, default: 0 },
      prompts,
      defaultPromptName,
      similarity,
      truncateDim,
    },
    maxTokens: Number.isFinite(model.maxTokens) ? model.maxTokens : undefined,
  };
}
