import { optionalBoolean, optionalInteger, optionalString } from '../core/validate.js';
import { plainVectors, type Vector } from './answers.js';
import { checkRemoteOptions, type RemoteOptions, withoutEnding } from './options.js';
import { type Purpose, RemoteEmbedder } from './remote-embedder.js';

export interface TeiOptions extends RemoteOptions {
  /** Width to ask for. */
  dimensions?: number;
  /** Name of the model's prompt for queries, where it has one. */
  queryPromptName?: string;
  /** Name of the model's prompt for documents, where it has one. */
  documentPromptName?: string;
  /** Whether vectors are scaled to length 1 by the server. Default true, as the server's. */
  serverNormalize?: boolean;
  /** Whether the server cuts what is too long instead of refusing it. Default: the server's setting. */
  truncate?: boolean;
}

/** Hugging Face's Text Embeddings Inference, by its own `/embed`. */
export class TeiEmbedder extends RemoteEmbedder {
  readonly #body: object;
  readonly #prompts: { query?: string; document?: string };

  constructor(options?: TeiOptions) {
    const settings = checkRemoteOptions<TeiOptions>(
      options,
      ['dimensions', 'queryPromptName', 'documentPromptName', 'serverNormalize', 'truncate'],
      {
        provider: 'TEI',
        // A server has one model and is not told its name.
        model: 'tei',
        baseURL: 'http://127.0.0.1:3000',
        keyVariables: ['TEI_API_KEY'],
        needsKey: false,
        batchSize: 32,
      },
    );
    const { given, client } = settings;
    const dimensions = optionalInteger('dimensions', given.dimensions, 1, 1_000_000);
    const normalize = optionalBoolean('serverNormalize', given.serverNormalize);
    const truncate = optionalBoolean('truncate', given.truncate);
    const query = optionalString('queryPromptName', given.queryPromptName);
    const document = optionalString('documentPromptName', given.documentPromptName);
    client.baseURL = withoutEnding(client.baseURL, '/embed');
    super(settings, Number.POSITIVE_INFINITY, dimensions);
    this.#body = { normalize, truncate, dimensions };
    this.#prompts = { query, document };
  }

  protected override async embed(texts: string[], purpose: Purpose, signal: AbortSignal): Promise<Vector[]> {
    const promptName = purpose && this.#prompts[purpose];
    const body = { ...this.#body, inputs: texts, prompt_name: promptName };
    return plainVectors(this.provider, await this.client.post('/embed', body, signal), texts.length);
  }
}
