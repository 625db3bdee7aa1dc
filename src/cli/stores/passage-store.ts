import { randomUUID } from 'node:crypto';
import { join, sep } from 'node:path';
import { EmbedlaneError } from '../../core/errors.js';
import type { OnProgress } from '../../core/progress.js';
import { oneOf } from '../../core/validate.js';
import { DTYPES, type Dtype } from '../../hub/index.js';
import { withoutPassword } from '../../stores/base/url.js';
import {
  type CollectionOptions,
  type Metadata,
  openStore,
  type StoreFilter,
  type StoreHit,
  type StoreRecord,
  type VectorStore,
} from '../../stores/index.js';
import type { TextEmbedder } from '../../text/index.js';
import { untilInterrupted } from '../interrupt.js';
import type { Hit } from '../output/hits.js';
import { type Passage, passageText } from '../passages/collect.js';

/** Passages to one request: about as many as a model embeds in a second or two. */
const BATCH = 256;

/**
 * Passages in a store: the document is the passage's text, the metadata says where it is from and which model embedded
 * it. Ids are the source, the file and the passage's number in it, so that indexing again replaces, and what another source
 * has under the same name stays.
 */
export async function storePassages(
  url: string,
  model: TextEmbedder,
  content: {
    source: string;
    dtype: Dtype;
    /** How the collection is made, if there is none. */
    collection: Pick<CollectionOptions, 'metric' | 'dtype' | 'index'>;
    passages: readonly Passage[];
    signal: AbortSignal;
    onProgress: OnProgress;
  },
): Promise<void> {
  const { source, dtype, collection, passages, signal, onProgress } = content;
  await using store = await untilInterrupted(signal, () => openStore(url, { embedder: model }));
  const existing = await store.info({ signal });
  await store.create({
    dims: model.dimensions,
    metric: collection.metric ?? (collection.dtype === undefined ? existing?.metric : undefined),
    dtype: collection.dtype ?? existing?.dtype,
    index: collection.index,
    signal,
  });
  const run = randomUUID();
  const about = { source, run, model: model.modelId, dtype };
  await store.upsert(Array.from(toRecords(passages, about)), { batchSize: BATCH, signal, onProgress });
  const outdated: StoreFilter = {
    and: [
      { field: 'source', eq: source },
      { field: 'run', ne: run },
    ],
  };
  await store.delete({ filter: outdated }, { signal });
}

function* toRecords(
  passages: readonly Passage[],
  about: Metadata & { source: string },
): Generator<StoreRecord> {
  const numbers = new Map<string, number>();
  for (const passage of passages) {
    const { file, line, heading, text } = passage;
    const path = join(about.source, file).split(sep).join('/');
    const number = numbers.get(file) ?? 0;
    numbers.set(file, number + 1);
    const metadata = { ...about, file, line, ...(heading === undefined ? {} : { heading }) };
    yield { id: `${path}#${number}`, text: passageText(passage), document: text, metadata };
  }
}

/** The model that embedded what is in a store. */
export async function modelOf(
  store: VectorStore,
  url: string,
  signal: AbortSignal,
): Promise<{ model: string; dtype: Dtype }> {
  for await (const { metadata } of store.scroll({ batchSize: 1, include: ['metadata'], signal })) {
    if (typeof metadata?.model !== 'string') break;
    return { model: metadata.model, dtype: oneOf('the dtype of the records', metadata.dtype, DTYPES) };
  }
  throw new EmbedlaneError(
    'ERR_NOT_FOUND',
    `Expected passages in ${withoutPassword(url)} but received none; make them with: embedlane index <folder or file> --store <url>`,
  );
}

/** Searches a store for passages. */
export async function searchPassages(
  store: VectorStore,
  question: string,
  options: { k: number; filter: StoreFilter | undefined; hybrid: boolean; signal: AbortSignal },
): Promise<Hit[]> {
  const hits = await store.search({ text: question }, options);
  return hits.map((hit, place) => toHit(hit, place + 1));
}

function toHit({ id, score, document = '', metadata = {} }: StoreHit, rank: number): Hit {
  const { file, line, heading } = metadata;
  return {
    rank,
    score,
    file: typeof file === 'string' ? file : id,
    line: typeof line === 'number' ? line : 1,
    text: document,
    ...(typeof heading === 'string' ? { heading } : {}),
  };
}
