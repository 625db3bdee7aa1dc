import type { AudioLoadOptions, AudioStreamOptions, AudioVectorOptions } from '../audio/index.js';
import { checkAudioLoadOptions } from '../audio/options.js';
import { invalidArgument } from '../core/errors.js';
import { finiteNumber } from '../core/validate.js';

/** Options of `ClapEmbedder.load`. */
export interface ClapLoadOptions extends Omit<AudioLoadOptions, 'decoder'> {
  /**
   * What cosines are multiplied with before they become probabilities. Default: what the model's joint graph has, if it
   * is there; else what `config.json` says that the training began with.
   */
  logitScale?: number;
}

/** Options of `encodeAudio` and `encodeAudioWindows`. */
export type ClapAudioOptions = Omit<AudioVectorOptions, 'padding'>;

/** Options of `encodeAudioStream`. */
export type ClapStreamOptions = Omit<AudioStreamOptions, 'padding'>;

export function checkClapLoadOptions(options: ClapLoadOptions | undefined) {
  const settings = checkAudioLoadOptions(options, 'logitScale');
  const scale = options?.logitScale;
  if (scale !== undefined && !(finiteNumber('logitScale', scale) > 0)) {
    throw invalidArgument('logitScale', 'a number above 0', scale);
  }
  return { ...settings, logitScale: scale };
}
