import { withDeadline } from '../core/deadline.js';
import { Embeddings } from '../core/embeddings.js';
import { EmbedlaneError, withCallerStack } from '../core/errors.js';
import { Interruptible } from '../core/interruptible.js';
import { textList } from '../core/validate.js';
import type { CancelParams } from '../image/lane/protocol.js';
import type { Lane, LaneHandle } from '../runtime/index.js';
import { dropTexts, sendTexts } from '../text/send-texts.js';
import { shareAmong, type TextWindow, textWindows, WINDOWS_IN_FLIGHT } from '../text/windows.js';
import type { EmbedTextsParams, TextRows } from './lane/protocol.js';
import { type ClipTextOptions, checkClipTextOptions, type TextPlan } from './options.js';

/** Enough texts per message that sorting them by length leaves little padding; about a millisecond of copying. */
const WINDOW = { texts: 512, characters: 256 * 1024 };

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
    const rows = await withDeadline(plan, (signal) => embedTexts(lane, list, dims, { ...plan, signal }));
    return new Embeddings(rows, list.length, dims);
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
  const work = new Interruptible();
  const limits = shareAmong(lane.size, texts.length, WINDOW);
  const windows = textWindows(texts, undefined, Number.POSITIVE_INFINITY, limits);
  let completed = 0;

  const embed = async (process: LaneHandle, window: TextWindow): Promise<void> => {
    const sent = await sendTexts(process, window.texts);
    if (work.stopped) {
      dropTexts(process, sent);
      return;
    }
    const params: EmbedTextsParams = { job, texts: sent, truncateDim, normalize };
    await process.call('embedTexts', params, ({ rows, data }: TextRows) => {
      for (const [i, row] of rows.entries()) {
        out.set(data.subarray(i * dims, (i + 1) * dims), window.indices[row] * dims);
      }
    });
  };
  const sendWindows = async () => {
    for (let next = windows.next(); !next.done && !work.stopped; next = windows.next()) {
      const { value: window } = next;
      await lane.run((process) => embed(process, window));
      completed += window.texts.length;
      if (!work.stopped) onProgress?.({ completed, total: texts.length });
    }
  };
  const params: CancelParams = { job };
  await work.run(
    signal,
    () => lane.spread(WINDOWS_IN_FLIGHT, sendWindows),
    () => lane.note('cancelTexts', params),
  );
  return out;
}
