import type { CallHandler, NoteHandler } from '../../runtime/lane-host.js';
import { dropPieces, receivePiece } from './pieces.js';
import type {
  CancelParams,
  EmbedParams,
  OpenStreamParams,
  PushStreamParams,
  StreamParams,
  WindowReport,
} from './protocol.js';
import type { WindowedAudio } from './windowed.js';

/**
 * What every lane that takes sounds answers and is told.
 *
 * @param audio undefined until the model is loaded; only `cancel` and `dropStream` may come before: of calls aborted
 *   while their lane is being replaced
 */
export function audioHandlers(audio: () => WindowedAudio | undefined): {
  calls: Record<string, CallHandler>;
  notes: Record<string, NoteHandler>;
} {
  const loaded = () => audio() as WindowedAudio;
  return {
    calls: {
      embed: (params: EmbedParams, report: (window: WindowReport) => void) => loaded().embed(params, report),
      openStream: (params: OpenStreamParams) => loaded().openStream(params),
      pushStream: (params: PushStreamParams) => loaded().pushStream(params),
      endStream: (params: StreamParams) => loaded().endStream(params),
    },
    notes: {
      audioPiece: receivePiece,
      dropAudio: dropPieces,
      cancel: (params: CancelParams) => audio()?.cancel(params),
      dropStream: (params: StreamParams) => audio()?.dropStream(params),
    },
  };
}
