import { abortError, throwIfAborted } from '../core/abort.js';
import { withDeadline } from '../core/deadline.js';
import { EmbedlaneError } from '../core/errors.js';
import type { Lane } from '../runtime/index.js';
import type { AudioSource } from './decode/open.js';
import type { CancelParams, EmbedParams, WindowReport } from './lane/protocol.js';
import { type AudioInput, type AudioPlan, audioList } from './options.js';
import { dropAudio, sendAudio } from './send-audio.js';

let nextJob = 0;

/**
 * Embeds one sound in a lane.
 *
 * @param name what the sound is called in errors
 * @returns its windows in order
 */
export async function embedAudio(
  lane: Lane<unknown>,
  source: AudioSource,
  name: string,
  output: EmbedParams['output'],
  plan: AudioPlan,
): Promise<WindowReport[]> {
  const { signal, maxSeconds, overlap, padding, decoderInputIds } = plan;
  throwIfAborted(signal);
  const job = nextJob++;
  let stop: () => void = () => {};
  const stopped = new Promise<never>((_, reject) => {
    stop = () => {
      const params: CancelParams = { job };
      lane.note('cancel', params);
      reject(abortError(signal as AbortSignal));
    };
  });
  signal?.addEventListener('abort', stop, { once: true });
  try {
    const work = lane.run(async (process) => {
      const windows: WindowReport[] = [];
      const wire = await sendAudio(process, source);
      if (signal?.aborted) {
        dropAudio(process, wire);
        return windows;
      }
      const params: EmbedParams = {
        job,
        source: wire,
        maxSeconds,
        overlap,
        padding,
        decoderInputIds,
        output,
      };
      await process.call('embed', params, (window: WindowReport) => void windows.push(window));
      return windows;
    });
    return await Promise.race([work, stopped]);
  } catch (error) {
    throw named(error, name);
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}

/** {@link embedAudio} for a list, one after the other, within the plan's time. */
export async function embedSounds(
  lane: Lane<unknown>,
  inputs: AudioInput | readonly AudioInput[],
  output: EmbedParams['output'],
  plan: AudioPlan,
): Promise<WindowReport[][]> {
  return withDeadline(plan, (signal) => embedList(lane, audioList(inputs), output, { ...plan, signal }));
}

async function embedList(
  lane: Lane<unknown>,
  sources: readonly AudioSource[],
  output: EmbedParams['output'],
  plan: AudioPlan,
): Promise<WindowReport[][]> {
  const sounds: WindowReport[][] = [];
  for (const [i, source] of sources.entries()) {
    const name = typeof source === 'string' ? source : `inputs[${i}]`;
    sounds.push(await embedAudio(lane, source, name, output, plan));
    plan.onProgress?.({ completed: i + 1, total: sources.length });
  }
  return sounds;
}

/** Says which sound of a list an error is about. */
export function named(error: unknown, name: string): unknown {
  if (!(error instanceof EmbedlaneError) || error.code !== 'ERR_AUDIO') return error;
  return new EmbedlaneError(
    error.code,
    error.message.replace(' but received ', ` for ${name} but received `),
    {
      cause: error,
    },
  );
}
