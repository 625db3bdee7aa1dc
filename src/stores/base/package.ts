import { EmbedlaneError } from '../../core/errors.js';

/** Loads packages that only one store, or only jobs, need, and that whoever uses it installs beside embedlane. */
export async function optionalPackages<T>(names: readonly string[], load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw cause;
    const list = names.join(' ');
    throw new EmbedlaneError(
      'ERR_NOT_FOUND',
      `Expected ${names.join(' and ')} to be installed, which this needs: npm install ${list}`,
      { cause },
    );
  }
}
