// Where musl is too old for Node (Debian 12 has 1.2.3), a small program linked with musl loads the addon instead of it:
// every symbol that the addon needs from musl is there, and it says which Node-API it speaks. Nothing is computed.
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { findZig } from './zig.mjs';

const require = createRequire(import.meta.url);

/** Stands for Node: has its functions, which nobody calls, and prints the addon's version of Node-API. */
function program() {
  const symbols = Object.values(require('node-api-headers').symbols).flatMap((version) =>
    Object.values(version).flat(),
  );
  return `#include <dlfcn.h>
#include <stdio.h>
${[...new Set(symbols)].map((name) => `void ${name}(void) { __builtin_trap(); }`).join('\n')}
int main(int argc, char** argv) {
  (void)argc;
  void* addon = dlopen(argv[1], RTLD_NOW);
  if (!addon) return puts(dlerror()), 1;
  int (*version)(void) = (int (*)(void))dlsym(addon, "node_api_module_get_api_version_v1");
  if (!version || !dlsym(addon, "napi_register_module_v1")) return puts("is no addon"), 1;
  printf("Node-API %d\\n", version());
  return 0;
}
`;
}

/**
 * @param {string} work folder of Zig and its caches
 * @param {string[]} loader the command that starts a program with musl
 * @param {'x86_64' | 'aarch64'} machine
 * @param {string} addon
 * @returns {Promise<string>} what the program printed
 * @throws {Error} if the addon cannot be loaded
 */
export async function loadWithMusl(work, loader, machine, addon) {
  const folder = join(work, `loader-${machine}`);
  mkdirSync(folder, { recursive: true });
  const source = join(folder, 'loader.c');
  const built = join(folder, 'loader');
  writeFileSync(source, program());
  await findZig(work).run([
    ...[
      'build-exe',
      source,
      '-OReleaseSmall',
      '-fno-ubsan-rt',
      '-target',
      `${machine}-linux-musl`,
      '-dynamic',
      '-rdynamic',
      '-lc',
    ],
    `-femit-bin=${built}`,
  ]);
  const { status, stdout, stderr, error } = spawnSync(loader[0], [...loader.slice(1), built, addon], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`${addon} cannot be loaded with musl: ${stdout}${stderr}${error ?? ''}`);
  return stdout.trim();
}
