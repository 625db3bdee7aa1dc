import type { Embeddings } from '../../core/embeddings.js';
import type { LoadedModel } from '../models/pooled-model.js';
import type { TokenVectorsRequest } from './engine.js';
import { refuseLong, refuseTextOptions, refuseTruncation } from './texts.js';

type TokenModel = Extract<LoadedModel, { kind: 'text' | 'late-interaction' | 'm3' }>;

/** One matrix per text, a row per token: as a text model makes them, for comparing by MaxSim from the others. */
export async function tokenVectors(
  loaded: TokenModel,
  request: TokenVectorsRequest,
): Promise<{ matrices: Embeddings[]; tokens: number }> {
  const { texts, promptName, truncationSide, purpose, signal } = request;
  let tokens = 0;
  const options = { signal, onUsage: (usage: { tokens: number }) => (tokens = usage.tokens) };
  const prompted = { ...options, ...(promptName !== undefined && { promptName }) };
  switch (loaded.kind) {
    case 'text': {
      const side = truncationSide && { truncationSide };
      const encode = { query: 'encodeQuery', document: 'encodeDocument', any: 'encode' } as const;
      const model = loaded.model;
      if (request.truncate === false) await refuseLong(texts, model, request);
      const matrices = await model[encode[purpose ?? 'any']](texts, {
        ...prompted,
        ...side,
        output: 'token',
      });
      return { matrices, tokens };
    }
    case 'late-interaction': {
      refuseTruncation(request);
      const encode = purpose === 'query' ? 'encodeQuery' : 'encodeDocument';
      return { matrices: await loaded.model[encode](texts, prompted), tokens };
    }
    case 'm3': {
      refuseTextOptions(request);
      const { tokens: matrices } = await loaded.model.encode(texts, options);
      return { matrices, tokens };
    }
  }
}
