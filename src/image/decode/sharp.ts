import type SharpModule from 'sharp';
import { EmbedlaneError } from '../../core/errors.js';

type SharpFactory = typeof SharpModule;

let loading: Promise<SharpFactory> | undefined;

/**
 * The decoder library, loaded with the first picture: who embeds texts only never pays for it.
 *
 * @throws {EmbedlaneError} `ERR_RUNTIME` if it is not installed for this platform
 */
export function loadSharp(): Promise<SharpFactory> {
  loading ??= load();
  return loading;
}

async function load(): Promise<SharpFactory> {
  let sharp: SharpFactory;
  try {
    sharp = (await import('sharp')).default;
  } catch (cause) {
    throw new EmbedlaneError(
      'ERR_RUNTIME',
      "Expected the package 'sharp', which decodes pictures, but it does not load here; run: npm install sharp",
      { cause },
    );
  }
  // Pictures are decoded side by side; threads within one would only compete, and a cache would only grow.
  sharp.concurrency(1);
  sharp.cache(false);
  return sharp;
}
