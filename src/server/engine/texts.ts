import type { Embeddings } from '../../core/embeddings.js';
import type { EncodeOptions, TextEmbedder } from '../../text/index.js';
import { Fault, invalid } from '../fault.js';
import type { EmbedRequest } from './engine.js';

/** Options of one vector per text. */
type SentenceOptions = EncodeOptions<'float32'> & { output?: 'sentence' };

/** Embeds texts, or token ids, with a text model. */
export async function embedTexts(
  model: TextEmbedder,
  request: EmbedRequest,
): Promise<{ embeddings: Embeddings; tokens: number }> {
  let tokens = 0;
  const options = encodeOptions(request, model, (usage) => (tokens = usage.tokens));
  const { inputs } = request;
  // Token ids become the text that they stand for, as in Text Embeddings Inference.
  const texts = 'ids' in inputs ? await decoded(model, inputs.ids) : 'texts' in inputs ? inputs.texts : [];
  if (request.truncate === false) await refuseLong(texts, model, request);
  const embeddings = await encode(model, texts, request.purpose, options);
  return { embeddings, tokens };
}

async function decoded(model: TextEmbedder, inputs: readonly (number[] | string)[]): Promise<string[]> {
  const lists = inputs.filter((input) => typeof input !== 'string');
  const texts = (await model.decode(lists)).values();
  return inputs.map((input) => (typeof input === 'string' ? input : (texts.next().value as string)));
}

/** The width that a client asks for, undefined for the model's own. */
export function wantedDimensions(request: EmbedRequest, dimensions: number): number | undefined {
  const wanted = request.dimensions;
  if (wanted !== undefined && wanted > dimensions && request.strictDimensions !== false) {
    throw invalid('dimensions', `'dimensions' is ${wanted} but the model's embeddings have ${dimensions}`);
  }
  return wanted !== undefined && wanted < dimensions ? wanted : undefined;
}

/** For models of other kinds: what only text models do for a client. */
export function refuseTextOptions(
  request: Pick<EmbedRequest, 'promptName' | 'truncate' | 'truncationSide'>,
): void {
  if (request.promptName !== undefined) throw invalid('prompt_name', 'The model has no prompts');
  refuseTruncation(request);
}

/** For models whose tokenizer always cuts, and on one side only. */
export function refuseTruncation({
  truncate,
  truncationSide,
}: Pick<EmbedRequest, 'truncate' | 'truncationSide'>): void {
  if (truncate === false) throw invalid('truncate', 'The model always cuts texts that are too long');
  if (truncationSide === 'left') throw invalid('truncation_direction', 'The model cuts on the right');
}

function encodeOptions(
  request: EmbedRequest,
  model: TextEmbedder,
  onUsage: SentenceOptions['onUsage'],
): SentenceOptions {
  const { promptName, truncationSide, signal } = request;
  const cut = wantedDimensions(request, model.dimensions);
  if (promptName !== undefined && !Object.hasOwn(model.prompts, promptName)) {
    throw invalid('prompt_name', `The model has no prompt '${promptName.slice(0, 100)}'`);
  }
  return {
    normalize: request.normalize ?? cut !== undefined,
    truncateDim: cut,
    promptName,
    truncationSide,
    signal,
    onUsage,
  };
}

function encode(
  model: TextEmbedder,
  texts: string[],
  purpose: EmbedRequest['purpose'],
  options: SentenceOptions,
): Promise<Embeddings> {
  if (purpose === 'query') return model.encodeQuery(texts, options);
  return purpose === 'document' ? model.encodeDocument(texts, options) : model.encode(texts, options);
}

/** Refuses texts that, with the prompt before them, the model would cut. */
export async function refuseLong(
  texts: readonly string[],
  model: TextEmbedder,
  { param, promptName, purpose }: Pick<EmbedRequest, 'param' | 'promptName' | 'purpose'>,
): Promise<void> {
  const prompt = model.promptFor(purpose, promptName);
  for (const text of texts) {
    // No tokenizer makes more tokens than a text has bytes, special tokens aside.
    if (Buffer.byteLength(prompt) + Buffer.byteLength(text) + 8 <= model.maxTokens) continue;
    const tokens = await model.countTokens(prompt + text);
    if (tokens <= model.maxTokens) continue;
    throw new Fault(
      'invalid',
      `This model's maximum context length is ${model.maxTokens} tokens, however you requested ${tokens} tokens. ` +
        'Please reduce your input.',
      { param, code: 'context_length_exceeded' },
    );
  }
}
