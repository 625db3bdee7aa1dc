import { loadBySockets, startServer } from './load.mjs';
import { progress } from './progress.mjs';
import { mixedParagraphs, questionsOf } from './texts.mjs';

/** Connections that send the next request as soon as they have an answer. */
export const CONNECTIONS = 64;

/** As long as the lanes that share the cores take to be there. */
const WARM_SECONDS = 5;
const CAPACITY_SECONDS = 10;

/**
 * Starts embedlane's server and finds out how much it can do.
 *
 * @returns the server, the texts to send, and what {@link loadBySockets} says of {@link CONNECTIONS} as fast as they can
 */
export async function serverAtWork(dtype) {
  const { texts: paragraphs } = await mixedParagraphs(2048);
  const texts = questionsOf(paragraphs);
  const server = await startServer('contenders/serve-embedlane.mjs', [dtype, '0']);
  progress('how much it can do');
  await loadBySockets(server, texts, CONNECTIONS, WARM_SECONDS);
  const most = await loadBySockets(server, texts, CONNECTIONS, CAPACITY_SECONDS);
  return { server, texts, most };
}
