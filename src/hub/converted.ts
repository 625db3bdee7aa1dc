/**
 * OpenAI publishes weights for Python only. These repositories hold the same models as ONNX graphs, converted by
 * the makers of transformers.js.
 */
const CONVERTED: Record<string, string> = {
  'openai/clip-vit-base-patch16': 'Xenova/clip-vit-base-patch16',
  'openai/clip-vit-base-patch32': 'Xenova/clip-vit-base-patch32',
  'openai/clip-vit-large-patch14': 'Xenova/clip-vit-large-patch14',
  'openai/whisper-base': 'Xenova/whisper-base',
  'openai/whisper-base.en': 'Xenova/whisper-base.en',
  'openai/whisper-medium': 'Xenova/whisper-medium',
  'openai/whisper-medium.en': 'Xenova/whisper-medium.en',
  'openai/whisper-small': 'Xenova/whisper-small',
  'openai/whisper-small.en': 'Xenova/whisper-small.en',
  'openai/whisper-tiny': 'Xenova/whisper-tiny',
  'openai/whisper-tiny.en': 'Xenova/whisper-tiny.en',
};

/** The repository that is known to hold a model as ONNX graphs where its own does not. */
export function convertedRepository(model: string): string | undefined {
  return typeof model === 'string' && Object.hasOwn(CONVERTED, model) ? CONVERTED[model] : undefined;
}
