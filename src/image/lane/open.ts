import { loadBinding } from '../../native/load.js';
import type { ImageSession } from '../../runtime/image-session.js';
import type { BatchScheduler } from '../../runtime/scheduler.js';
import { inputGeometry } from '../geometry.js';
import { ImageModel } from './model.js';
import { chooseOutputs, type ImageOutput, readOutput } from './outputs.js';
import { PreparationPool } from './pool.js';
import type { ImageLoadParams, Loaded } from './protocol.js';

/** Starts the threads and runs the graph once, so that what does not fit together is found now. */
export async function openImageModel(
  params: Omit<ImageLoadParams, 'modelFile'>,
  session: ImageSession,
  scheduler?: BatchScheduler,
): Promise<{ model: ImageModel; loaded: Loaded }> {
  const { preprocessing, decode, heightFirst, session: settings } = params;
  const batchSize = session.runsOne ? 1 : params.batchSize;
  const pool = await PreparationPool.start(params.workers, { preprocessing, decode, heightFirst });
  const outputs = chooseOutputs(session.outputs, params.modelType, params.pooling);
  // Any picture will do; a square one has the size of most inputs.
  const { x, y } = inputGeometry(preprocessing, 224, 224, heightFirst);
  const pictures = settings.warmUp ? batchSize : 1;
  const width = (output: ImageOutput | undefined) =>
    output ? probe(session, pictures, x.window, y.window, output) : 0;
  const loaded = { dimensions: await width(outputs.features), classes: await width(outputs.logits) };
  return { model: new ImageModel(session, outputs, pool, loadBinding(), batchSize, scheduler), loaded };
}

async function probe(
  session: ImageSession,
  pictures: number,
  width: number,
  height: number,
  output: ImageOutput,
): Promise<number> {
  const black = new Float32Array(3 * width * height);
  const result = await session.run(
    Array.from({ length: pictures }, () => black),
    width,
    height,
    output.name,
  );
  try {
    return readOutput(result, pictures, output).dims;
  } finally {
    result.dispose();
  }
}
