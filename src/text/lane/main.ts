import { loadBinding } from '../../native/load.js';
import { serveLane } from '../../runtime/lane-host.js';
import { TokenSession } from '../../runtime/session.js';
import { TextModel } from './model.js';
import type {
  CancelParams,
  CountParams,
  EmbedParams,
  EmbedRows,
  Loaded,
  LoadParams,
  TokenizeParams,
  TokenizeResult,
} from './protocol.js';
import { dropPieces, receivePiece, receiveTexts } from './texts.js';
import { TextTokenizer, utf16Offsets } from './tokenizer.js';

/** The program of a text lane. `load` is the first call, and all others come after its answer. */
let model: TextModel | undefined;
let tokenizer: TextTokenizer;

async function load(params: LoadParams): Promise<Loaded> {
  const { tokenizer: files, maxTokens, lowercase, modelFile, threads, spin } = params;
  tokenizer = await TextTokenizer.open({ files, maxTokens, lowercase });
  const session = await TokenSession.open({ file: modelFile, threads, spin });
  model = new TextModel(tokenizer, session, loadBinding(), params);
  return { dimensions: await model.probe(), keepsBeginning: tokenizer.truncationSide === 'right' };
}

async function tokenize({ texts: wire, open }: TokenizeParams): Promise<TokenizeResult> {
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
      (model as TextModel).embed(params, receiveTexts(params.texts), report),
    count: ({ texts }: CountParams) => tokenizer.count(receiveTexts(texts)[0]),
  },
  {
    piece: receivePiece,
    drop: dropPieces,
    // The one message that may come before the model: a job aborted while its lane is being replaced.
    cancel: ({ job }: CancelParams) => model?.cancel(job),
  },
);
