import { Embeddings } from '../core/embeddings.js';
import type { EncodeOptions, TextEmbedder } from '../text/index.js';
import type { Inputs } from './body.js';
import { Fault, invalid } from './fault.js';
import type { ModelPool, PooledModel } from './model-pool.js';

export interface EmbedRequest {
  /** Name that the client uses; undefined for the default model. */
  model: string | undefined;
  inputs: Inputs;
  /** Name of the field of {@link inputs}, for messages. */
  param: string;
  /** Scale to length 1, whatever the model does by itself. */
  normalize?: boolean;
  /** Keep the first so many dimensions, scaled to length 1 again. */
  dimensions?: number;
  /** Whether more dimensions than the model has are refused; Ollama ignores them. Default true. */
  strictDimensions?: boolean;
  /** Whether texts that are too long are cut; refused otherwise. Default true. */
  truncate?: boolean;
  /** Which side of them is cut off. Default: the model's. */
  truncationSide?: 'left' | 'right';
  purpose?: 'query' | 'document';
  promptName?: string;
  /** Milliseconds of idleness after which the model is unloaded, instead of the server's setting. */
  keepAlive?: number;
  signal: AbortSignal;
}

/** Options of one vector per text. */
type SentenceOptions = EncodeOptions<'float32'> & { output?: 'sentence' };

export interface EmbedResponse {
  model: PooledModel;
  embeddings: Embeddings;
  tokens: number;
  /** Milliseconds for loading the model, if it had to be. */
  loadTime: number;
}

export interface EngineLimits {
  maxInputs: number;
  maxConcurrentRequests: number;
  /** Milliseconds; Infinity for never. */
  keepAlive: number;
}

/** What all dialects call. */
export class Engine {
  readonly pool: ModelPool;
  readonly limits: EngineLimits;

  constructor(pool: ModelPool, limits: EngineLimits) {
    this.pool = pool;
    this.limits = limits;
  }

  find(name: string | undefined): PooledModel {
    return name === undefined ? this.pool.default : this.pool.find(name);
  }

  /** Runs `task` with a model loaded. */
  use<T>(
    name: string | undefined,
    task: (model: TextEmbedder, pooled: PooledModel) => Promise<T>,
  ): Promise<T> {
    const pooled = this.find(name);
    return pooled.use(this.limits.keepAlive, (model) => task(model, pooled));
  }

  async embed(request: EmbedRequest): Promise<EmbedResponse> {
    const pooled = this.find(request.model);
    this.checkCount(request.param, 'texts' in request.inputs ? request.inputs.texts : request.inputs.ids);
    const start = performance.now();
    return pooled.use(request.keepAlive ?? this.limits.keepAlive, async (model) => {
      const loadTime = performance.now() - start;
      const options = encodeOptions(request, model);
      const texts = await textsOf(request.inputs, model);
      if (request.truncate === false) await refuseLong(texts, model, request.param);
      let tokens = 0;
      const counted: SentenceOptions = { ...options, onUsage: (usage) => (tokens = usage.tokens) };
      const embeddings = await encode(model, texts, request.purpose, counted);
      return { model: pooled, embeddings, tokens, loadTime };
    });
  }

  /** Refuses a request with more inputs than the server takes. */
  checkCount(param: string, inputs: readonly unknown[]): void {
    const { maxInputs } = this.limits;
    if (inputs.length <= maxInputs) return;
    throw new Fault('invalid', `batch size ${inputs.length} > maximum allowed batch size ${maxInputs}`, {
      param,
    });
  }
}

function encodeOptions(request: EmbedRequest, model: TextEmbedder): SentenceOptions {
  const { dimensions, promptName, truncationSide, signal } = request;
  const cut = dimensions !== undefined && dimensions < model.dimensions;
  if (dimensions !== undefined && dimensions > model.dimensions && request.strictDimensions !== false) {
    throw invalid(
      'dimensions',
      `'dimensions' is ${dimensions} but the model's embeddings have ${model.dimensions}`,
    );
  }
  if (promptName !== undefined && !Object.hasOwn(model.prompts, promptName)) {
    throw invalid('prompt_name', `The model has no prompt '${promptName.slice(0, 100)}'`);
  }
  return {
    normalize: request.normalize === true || cut,
    ...(cut && { truncateDim: dimensions }),
    ...(promptName !== undefined && { promptName }),
    ...(truncationSide !== undefined && { truncationSide }),
    signal,
  };
}

function encode(
  model: TextEmbedder,
  texts: string[],
  purpose: EmbedRequest['purpose'],
  options: SentenceOptions,
): Promise<Embeddings> {
  if (texts.length === 0) return Promise.resolve(new Embeddings(new Float32Array(0), 0, model.dimensions));
  if (purpose === 'query') return model.encodeQuery(texts, options);
  return purpose === 'document' ? model.encodeDocument(texts, options) : model.encode(texts, options);
}

/** Token ids become the text that they stand for, as in Text Embeddings Inference. */
async function textsOf(inputs: Inputs, model: TextEmbedder): Promise<string[]> {
  return 'texts' in inputs ? inputs.texts : model.decode(inputs.ids);
}

async function refuseLong(texts: string[], model: TextEmbedder, param: string): Promise<void> {
  for (const text of texts) {
    // No tokenizer makes more tokens than a text has bytes, special tokens aside.
    if (Buffer.byteLength(text) + 8 <= model.maxTokens) continue;
    const tokens = await model.countTokens(text);
    if (tokens <= model.maxTokens) continue;
    throw new Fault(
      'invalid',
      `This model's maximum context length is ${model.maxTokens} tokens, however you requested ${tokens} tokens. ` +
        'Please reduce your input.',
      { param, code: 'context_length_exceeded' },
    );
  }
}
