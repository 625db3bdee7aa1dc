import { serveLane } from '../../runtime/lane-host.js';
import { chunkTexts } from './chunks.js';
import { TextModel } from './model.js';
import { utf16Offsets } from './offsets.js';
import type {
  CancelParams,
  ChunkParams,
  CountParams,
  DecodeParams,
  EmbedParams,
  EmbedRows,
  Loaded,
  LoadParams,
  SkipParams,
  TokenizeParams,
  TokenizeResult,
} from './protocol.js';
import { dropPieces, receivePiece, receiveTexts } from './texts.js';

/** The program of a text lane. `load` is the first call, and all others come after its answer. */
let model: TextModel | undefined;

/** For calls that can only come after the answer to `load`. */
function loaded(): TextModel {
  return model as TextModel;
}

async function load(params: LoadParams): Promise<Loaded> {
  model = await TextModel.open(params);
  const loaded = await model.probe();
  if (params.session.warmUp) await model.warmUp();
  return loaded;
}

async function tokenize({ route, texts: wire, open }: TokenizeParams): Promise<TokenizeResult> {
  const tokenizer = await loaded().tokenizer(route).library();
  const texts = receiveTexts(wire);
  const encodings = await tokenizer.encode(texts);
  return {
    lengths: Uint32Array.from(encodings, (encoding) => encoding.getLength()),
    ids: Uint32Array.from(encodings.flatMap((encoding) => encoding.getIds())),
    tokens: encodings.flatMap((encoding) => encoding.getTokens()),
    offsets: Uint32Array.from(
      encodings.flatMap((encoding, index) => utf16Offsets(texts[index], encoding.getOffsets())),
    ),
    unfinished: await tokenizer.unsettled(texts, encodings, open),
  };
}

serveLane(
  {
    load,
    tokenize,
    embed: (params: EmbedParams, report: (rows: EmbedRows) => void) =>
      loaded().embed(params, receiveTexts(params.texts), report),
    count: async ({ route, texts }: CountParams) =>
      (await loaded().tokenizer(route).count(receiveTexts(texts)))[0],
    chunk: (params: ChunkParams) =>
      chunkTexts(loaded().tokenizer(params.route), receiveTexts(params.texts), params),
    decode: async ({ route, ids, skipSpecialTokens }: DecodeParams) =>
      (await loaded().tokenizer(route).library()).decode(ids, skipSpecialTokens),
  },
  {
    piece: receivePiece,
    drop: dropPieces,
    // The one message that may come before the model: a job aborted while its lane is being replaced.
    cancel: ({ job }: CancelParams) => model?.cancel(job),
    skip: (params: SkipParams) => model?.skip(params),
  },
);
