import { serveLane } from '../../runtime/lane-host.js';
import { WhisperModel } from './model.js';
import type { Loaded, LoadParams } from './protocol.js';
import { audioHandlers } from './serve.js';
import { WindowedAudio } from './windowed.js';

/** The program of an audio lane. `load` is the first call, and all others come after its answer. */
let audio: WindowedAudio | undefined;

async function load(params: LoadParams): Promise<Loaded> {
  const model = await WhisperModel.open(params);
  audio = new WindowedAudio(model);
  return model.probe();
}

const { calls, notes } = audioHandlers(() => audio);
serveLane({ load, ...calls }, notes);
