import { abortError, throwIfAborted } from '../core/abort.js';
import { Embeddings } from '../core/embeddings.js';
import { EmbedlaneError, withCallerStack } from '../core/errors.js';
import { textList } from '../core/validate.js';
import type { CancelParams } from '../image/lane/protocol.js';
import type { Lane, LaneHandle } from '../runtime/index.js';
import { dropTexts, sendTexts } from '../text/send-texts.js';
import type { EmbedTextsParams, TextRows } from './lane/protocol.js';
import { type ClipTextOptions, checkClipTextOptions, type TextPlan } from './options.js';

/** Texts per message: enough that sorting them by length leaves little padding. */
const WINDOW = 512;

/** Negative, because jobs of pictures, which the same lane does, count upwards. */
let nextJob = -1;

/** What `encodeText` of CLIP and CLAP does. */
export async function encodeTexts(
  lane: Lane<unknown>,
  texts: string | readonly string[],
  options: ClipTextOptions | undefined,
  dimensions: number,
): Promise<Embeddings> {
  const list = textList('texts', texts);
  const plan = checkClipTextOptions(options, dimensions);
  if (lane.closed) throw new EmbedlaneError('ERR_CLOSED', 'Expected an open model but it has been closed');
  const dims = plan.truncateDim ?? dimensions;
  try {
    return new Embeddings(await embedTexts(lane, list, dims, plan), list.length, dims);
  } catch (error) {
    throw withCallerStack(error);
  }
}

/** @returns rows in the order of the texts, row-major */
async function embedTexts(
  lane: Lane<unknown>,
  texts: readonly string[],
  dims: number,
  plan: TextPlan,
): Promise<Float32Array> {
  const { signal, onProgress, truncateDim, normalize } = plan;
  const job = nextJob--;
  const out = new Float32Array(texts.length * dims);
  throwIfAborted(signal);
  const stop = new Promise<never>((_, reject) => {
    signal?.addEventListener('abort', () => reject(abortError(signal)), { once: true });
  });
  stop.catch(() => {});
  try {
    for (let start = 0; start < texts.length; start += WINDOW) {
      const window = texts.slice(start, start + WINDOW);
      await Promise.race([lane.run((process) => embed(process, window, start)), stop]);
      throwIfAborted(signal);
      onProgress?.({ completed: start + window.length, total: texts.length });
    }
    return out;
  } catch (error) {
    const params: CancelParams = { job };
    lane.note('cancelTexts', params);
    throw error;
  }

  async function embed(process: LaneHandle, window: string[], start: number): Promise<void> {
    const sent = await sendTexts(process, window);
    if (signal?.aborted) {
      dropTexts(process, sent);
      return;
    }
    const params: EmbedTextsParams = { job, texts: sent, truncateDim, normalize };
    await process.call('embedTexts', params, ({ rows, data }: TextRows) => {
      for (const [i, row] of rows.entries()) {
        out.set(data.subarray(i * dims, (i + 1) * dims), (start + row) * dims);
      }
    });
  }
}
