import { join } from 'node:path';
import { EmbedlaneError } from '../core/errors.js';
import { JsonObject, readJsonObject } from '../core/json-file.js';
import type { ClipTokenizerParams } from './lane/protocol.js';

/** What the files of a CLIP model say, apart from its preprocessing. */
export interface ClipConfig {
  /** How similarities become probabilities: over all labels (CLIP) or for each alone (SigLIP). */
  probability: 'softmax' | 'sigmoid';
  tokenizer: ClipTokenizerParams;
}

/** CLIP's context length, where the files do not say. */
const CONTEXT = 77;

/** @throws {EmbedlaneError} `ERR_MODEL_INVALID` naming the file and the field */
export async function readClipConfig(folder: string): Promise<ClipConfig> {
  const [config, tokenizer] = await Promise.all([
    readJsonObject(folder, 'config.json'),
    readJsonObject(folder, 'tokenizer_config.json'),
  ]);
  const type = config?.string('model_type') ?? '';
  const text = config?.get('text_config');
  if (text === undefined || config?.get('vision_config') === undefined) {
    throw new EmbedlaneError(
      'ERR_MODEL_INVALID',
      `Expected a model of texts and pictures, with text_config and vision_config in config.json, in ${folder} ` +
        `but received one of type '${type}'`,
    );
  }
  const nested = new JsonObject('config.json (text_config)', text);
  const siglip = type.startsWith('siglip');
  const limit = tokenizer?.number('model_max_length') ?? CONTEXT;
  const positions = nested.positiveInteger('max_position_embeddings') ?? (siglip ? 64 : CONTEXT);
  const maxTokens = Math.min(limit >= 1 ? limit : CONTEXT, positions);
  return {
    probability: siglip ? 'sigmoid' : 'softmax',
    tokenizer: {
      file: join(folder, 'tokenizer.json'),
      padToken: padToken(tokenizer),
      padId: nested.number('pad_token_id'),
      maxTokens,
      // SigLIP was trained without a mask, on texts that fill all positions.
      padToMax: siglip,
    },
  };
}

/** What `tokenizer_config.json` names as the padding. */
export function padToken(config: JsonObject | undefined): string | undefined {
  const value = config?.get('pad_token');
  if (typeof value === 'string') return value;
  const content = (value as { content?: unknown } | undefined)?.content;
  return typeof content === 'string' ? content : undefined;
}
