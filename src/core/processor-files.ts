import { type JsonObject, readJsonObject } from './json-file.js';

/** What a model's processors do: one file of its own each, before transformers 5. */
const OWN = 'preprocessor_config.json';
/** All processors of a model in one file, since transformers 5, which then writes no other; older files of the name say little. */
const NESTED = 'processor_config.json';

/**
 * Settings of an image processor or feature extractor, from where transformers takes them: its part of
 * `processor_config.json` if there is one, else `preprocessor_config.json`.
 *
 * @param names of the part, the first that is there
 * @returns undefined if the model has neither
 * @throws {EmbedlaneError} `ERR_MODEL_INVALID` for files that cannot be
 */
export async function readProcessorPart(
  folder: string,
  names: readonly string[],
): Promise<JsonObject | undefined> {
  const nested = await readJsonObject(folder, NESTED);
  const name = names.find((part) => nested?.get(part) !== undefined);
  return name === undefined ? readJsonObject(folder, OWN) : nested?.object(name);
}
