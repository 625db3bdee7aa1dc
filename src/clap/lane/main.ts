import { audioHandlers } from '../../audio/lane/serve.js';
import { WindowedAudio } from '../../audio/lane/windowed.js';
import { fitLogitScale, PROBE_TEXTS } from '../../clip/lane/logit-scale.js';
import type { EmbedTextsParams, LogitScale, TextRows } from '../../clip/lane/protocol.js';
import { ClipTextModel } from '../../clip/lane/text-model.js';
import { ClipTextSession } from '../../clip/lane/text-session.js';
import { EmbedlaneError } from '../../core/errors.js';
import type { CancelParams } from '../../image/lane/protocol.js';
import { loadBinding } from '../../native/load.js';
import { serveLane } from '../../runtime/lane-host.js';
import { openSession } from '../../runtime/open-session.js';
import { BatchScheduler } from '../../runtime/scheduler.js';
import { dropPieces, receivePiece, receiveTexts } from '../../text/lane/texts.js';
import { ClapAudioModel } from './audio-model.js';
import type { ClapLoaded, ClapLoadParams } from './protocol.js';

/** Outputs of a joint graph. */
const AUDIO_OUTPUTS = ['logits_per_audio', 'text_embeds', 'audio_embeds'] as const;

/** The program of a CLAP lane: both towers in one process. */
let sounds: ClapAudioModel | undefined;
let audio: WindowedAudio | undefined;
let texts: ClipTextModel | undefined;
let loadParams: ClapLoadParams;
const scheduler = new BatchScheduler();

async function load(params: ClapLoadParams): Promise<ClapLoaded> {
  loadParams = params;
  const { session, tokenizer, tokenBudget, features } = params;
  const [textGraph, audioGraph] = await Promise.all(
    [params.text, params.audio].map((file) => openSession({ file, ...session })),
  );
  sounds = new ClapAudioModel(audioGraph, features, session.threads);
  texts = await ClipTextModel.open(
    new ClipTextSession(textGraph, {}),
    { ...tokenizer, tokenBudget },
    loadBinding(),
    scheduler,
  );
  const [dimensions, width] = [await sounds.probe(), await texts.probe()];
  if (width !== dimensions) {
    throw new EmbedlaneError(
      'ERR_MODEL_INVALID',
      `Expected vectors of one width from both towers but texts have ${width} dimensions and sounds ${dimensions}`,
    );
  }
  if (session.warmUp) await texts.warmUp();
  audio = new WindowedAudio(sounds);
  return { dimensions };
}

/** The joint graph is opened for this alone. */
async function scale(): Promise<LogitScale | undefined> {
  const { joint, session } = loadParams;
  if (joint === undefined) return undefined;
  const graph = await openSession({ file: joint, ...session });
  try {
    const model = texts as ClipTextModel;
    const others = await (sounds as ClapAudioModel).silence();
    const batch = model.pad(await model.ids(PROBE_TEXTS));
    const outputs = await new ClipTextSession(graph, others).run(batch, [...AUDIO_OUTPUTS]);
    try {
      return fitLogitScale(outputs, AUDIO_OUTPUTS, false);
    } finally {
      outputs.dispose();
    }
  } finally {
    await graph.release();
  }
}

const { calls, notes } = audioHandlers(() => audio);
serveLane(
  {
    ...calls,
    load,
    scale,
    embedTexts: (params: EmbedTextsParams, report: (rows: TextRows) => void) =>
      (texts as ClipTextModel).embed(params, receiveTexts(params.texts), report),
  },
  {
    ...notes,
    piece: receivePiece,
    drop: dropPieces,
    cancelTexts: ({ job }: CancelParams) => scheduler.cancel(job),
  },
);
