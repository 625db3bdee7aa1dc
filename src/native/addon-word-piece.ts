import type { NativeBinding, VectorTable, WordPieceHandle } from './binding.js';

/** What the binary exports of its tokenizer: arguments one by one, and arrays for the results. */
export interface AddonWordPiece {
  createWordPiece(
    vocabularyUnits: Uint16Array,
    vocabularyEnds: Uint32Array,
    ids: Uint32Array,
    addedUnits: Uint16Array,
    addedEnds: Uint32Array,
    addedIds: Uint32Array,
    prefix: Uint16Array,
    fold: boolean,
    unknown: number,
    mostCharacters: number,
    threads: number,
  ): Promise<WordPieceHandle>;
  encodeWordPiece(
    tokenizer: WordPieceHandle,
    units: Uint16Array,
    ends: Uint32Array,
    most: number,
    fromEnd: boolean,
    dropUnknown: boolean,
    outIds: Uint32Array,
    outEnds: Uint32Array,
    outKnown: Uint8Array,
  ): Promise<void>;
  embedWordPiece(
    tokenizer: WordPieceHandle,
    units: Uint16Array,
    ends: Uint32Array,
    most: number,
    fromEnd: boolean,
    dropUnknown: boolean,
    table: VectorTable,
    dims: number,
    normalize: boolean,
    kept: number,
    normalizeKept: boolean,
    outMeans: Float32Array,
    outCounts: Uint32Array,
    outKnown: Uint8Array,
  ): Promise<void>;
}

type Guard = <A extends unknown[], R>(call: (...args: A) => Promise<R>) => (...args: A) => Promise<R>;

/** The binary's tokenizer as {@link NativeBinding} describes it. */
export function adaptWordPiece(
  native: AddonWordPiece,
  guard: Guard,
): Required<Pick<NativeBinding, keyof AddonWordPiece>> {
  return {
    createWordPiece: guard(({ vocabulary, added, ...spec }, threads) =>
      native.createWordPiece(
        vocabulary.units,
        vocabulary.ends,
        spec.ids,
        added.units,
        added.ends,
        spec.addedIds,
        spec.prefix,
        spec.fold,
        spec.unknown,
        spec.mostCharacters,
        threads,
      ),
    ),
    encodeWordPiece: guard((tokenizer, { units, ends }, { most, fromEnd, dropUnknown }, into) =>
      native.encodeWordPiece(
        tokenizer,
        units,
        ends,
        most,
        fromEnd,
        dropUnknown,
        into.ids,
        into.ends,
        into.known,
      ),
    ),
    embedWordPiece: guard((tokenizer, { units, ends }, { most, fromEnd, dropUnknown }, table, plan, into) =>
      native.embedWordPiece(
        tokenizer,
        units,
        ends,
        most,
        fromEnd,
        dropUnknown,
        table,
        plan.dims,
        plan.normalize,
        plan.kept,
        plan.normalizeKept,
        into.means,
        into.counts,
        into.known,
      ),
    ),
  };
}
