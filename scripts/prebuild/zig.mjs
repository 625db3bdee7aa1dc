// Finds the Zig compiler: EMBEDLANE_ZIG, or the PyPI package `ziglang` in a virtual environment below build-zig/.
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

/** Another version may give other bytes, so the prebuilt binaries come from this one. */
export const ZIG_VERSION = '0.17.1';

/** Characters of what the compiler says that are worth showing. */
const MAX_MESSAGE = 4000;

/**
 * @param {string} folder where the virtual environment and Zig's caches are
 * @returns {{ run(args: string[]): Promise<void> }}
 */
export function findZig(folder) {
  const command = process.env.EMBEDLANE_ZIG ? [process.env.EMBEDLANE_ZIG] : install(join(folder, 'venv'));
  const version = spawnSync(command[0], [...command.slice(1), 'version'], { encoding: 'utf8' });
  if (version.stdout?.trim() !== ZIG_VERSION) {
    const actual = version.stdout?.trim() || version.stderr?.trim() || version.error?.message;
    throw new Error(`Expected Zig ${ZIG_VERSION} from '${command.join(' ')}' but received ${actual}`);
  }
  const cache = join(folder, 'cache');
  const env = { ...process.env, ZIG_GLOBAL_CACHE_DIR: cache, ZIG_LOCAL_CACHE_DIR: cache };
  return {
    run: (args) =>
      new Promise((resolve, reject) => {
        execFile(
          command[0],
          [...command.slice(1), ...args],
          { env, maxBuffer: 2 ** 26 },
          (error, _, stderr) => {
            if (error)
              reject(
                new Error(`zig ${args.join(' ')}\n\n${(stderr || error.message).slice(0, MAX_MESSAGE)}`),
              );
            else resolve();
          },
        );
      }),
  };
}

function install(venv) {
  const python = join(venv, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python');
  if (!existsSync(python)) {
    mkdirSync(venv, { recursive: true });
    execFileSync(process.platform === 'win32' ? 'python' : 'python3', ['-m', 'venv', venv], {
      stdio: 'inherit',
    });
  }
  const has = spawnSync(python, ['-m', 'ziglang', 'version'], { encoding: 'utf8' });
  if (has.stdout?.trim() !== ZIG_VERSION) {
    execFileSync(python, ['-m', 'pip', 'install', '--quiet', `ziglang==${ZIG_VERSION}`], {
      stdio: 'inherit',
    });
  }
  return [python, '-m', 'ziglang'];
}
