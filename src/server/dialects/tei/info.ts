import { availableParallelism } from 'node:os';
import type { LoadedModel } from '../../models/pooled-model.js';
import type { DialectContext } from '../dialect.js';

/** `/info`: about the first model, which in the original is the only one. */
export async function info({ engine, version }: DialectContext): Promise<object> {
  const { limits, pool } = engine;
  const [first] = pool.models;
  const { name, served } = first;
  return first.use(first.keepAlive ?? limits.keepAlive, async (loaded) => ({
    model_id: name,
    model_sha: null,
    model_dtype: served.dtype ?? 'auto',
    served_model_name: name,
    model_type: typeOf(loaded),
    max_concurrent_requests: limits.maxConcurrentRequests,
    max_input_length: longestInput(loaded),
    max_batch_tokens: served.tokenBudget ?? null,
    max_batch_requests: null,
    max_client_batch_size: limits.maxInputs,
    auto_truncate: true,
    tokenization_workers: availableParallelism(),
    version,
    sha: null,
    docker_label: null,
  }));
}

/** A classifier with one label is what the original calls a reranker. */
function typeOf(loaded: LoadedModel): object {
  if (loaded.kind !== 'cross-encoder') return { embedding: {} };
  const names = loaded.model.labelNames;
  const labels = {
    id2label: Object.fromEntries(names.map((label, id) => [String(id), label])),
    label2id: Object.fromEntries(names.map((label, id) => [label, id])),
  };
  return names.length === 1 ? { reranker: labels } : { classifier: labels };
}

function longestInput({ model }: LoadedModel): number | null {
  return 'maxTokens' in model && Number.isFinite(model.maxTokens) ? model.maxTokens : null;
}
