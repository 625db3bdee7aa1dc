import type { ClapFeatureConfig } from '../../audio/features/clap.js';
import type { ClipTokenizerParams } from '../../clip/lane/protocol.js';
import type { SessionSettings } from '../../runtime/options.js';

/** Parameters of `load`, which the lane answers with {@link ClapLoaded}. */
export interface ClapLoadParams {
  /** Absolute paths. */
  text: string;
  audio: string;
  /** A graph of both, which knows the logit scale; not every model has one. */
  joint: string | undefined;
  features: ClapFeatureConfig;
  tokenizer: ClipTokenizerParams;
  /** Padded tokens per run of the text graph. */
  tokenBudget: number;
  session: SessionSettings;
}

export interface ClapLoaded {
  /** Width of an embedding, of texts and of sounds. */
  dimensions: number;
}
