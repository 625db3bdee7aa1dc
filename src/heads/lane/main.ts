import { serveLane } from '../../runtime/lane-host.js';
import type { CancelParams } from '../../text/lane/protocol.js';
import { dropPieces, receivePiece, receiveTexts } from '../../text/lane/texts.js';
import { HeadModel } from './model.js';
import type { HeadRows, Loaded, LoadParams, RunParams } from './protocol.js';

/** The program of a lane for rerankers, sparse and late-interaction models. `load` is the first call. */
let model: HeadModel | undefined;

async function load(params: LoadParams): Promise<Loaded> {
  model = await HeadModel.open(params);
  const loaded = await model.probe();
  if (params.session.warmUp) await model.warmUp();
  return loaded;
}

serveLane(
  {
    load,
    run: (params: RunParams, report: (rows: HeadRows) => void) =>
      (model as HeadModel).run(
        params,
        receiveTexts(params.texts),
        params.seconds && receiveTexts(params.seconds),
        report,
      ),
    spell: async (ids: number[]) => (model as HeadModel).library.spell(ids),
  },
  {
    piece: receivePiece,
    drop: dropPieces,
    cancel: ({ job }: CancelParams) => model?.cancel(job),
  },
);
