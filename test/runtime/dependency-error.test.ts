import { describe, expect, it } from 'vitest';
import { dependencyError } from '#dist/runtime/dependency-error.js';

/** What Node prints when a lane's imports fail, by what is wrong with the installation. */
const PRINTED = {
  'left out by --omit=optional': [
    "Error [ERR_MODULE_NOT_FOUND]: Cannot find package 'onnxruntime-node' imported from /app/node_modules/embedlane/dist/runtime/open-session.js",
    "Expected the package 'onnxruntime-node' but it is not installed (it is left out by --omit=optional, and by npm where",
    'run: ONNXRUNTIME_NODE_INSTALL=skip npm install onnxruntime-node',
  ],
  'tokenizers left out': [
    "Error [ERR_MODULE_NOT_FOUND]: Cannot find package 'tokenizers' imported from /app/node_modules/embedlane/dist/text/lane.js",
    "Expected the package 'tokenizers' but it is not installed (it is left out by --omit=optional)",
    'run: npm install tokenizers',
  ],
  'onnxruntime on musl': [
    `node:internal/modules/cjs/loader:1460
Error: Error loading shared library ld-linux-x86-64.so.2: No such file or directory (needed by /app/node_modules/onnxruntime-node/bin/napi-v6/linux/x64/onnxruntime_binding.node)
    at Module._extensions..node (node:internal/modules/cjs/loader:1460:18)
  code: 'ERR_DLOPEN_FAILED'`,
    "Expected the package 'onnxruntime-node' to load on",
    'embedlane/providers',
  ],
  'onnxruntime without a binary': [
    `Error: Cannot find module '../bin/napi-v6/darwin/x64/onnxruntime_binding.node'
Require stack:
- /app/node_modules/onnxruntime-node/dist/binding.js`,
    "received: Cannot find module '../bin/napi-v6/darwin/x64/onnxruntime_binding.node'",
    'npm ci',
  ],
  'tokenizers, node_modules copied from another platform': [
    `Error: Cannot find native binding. npm has a bug related to optional dependencies
    at Object.<anonymous> (/app/node_modules/tokenizers/index.js:595:11)`,
    "Expected the package 'tokenizers' to load on",
    'npm ci',
  ],
  'tokenizers, of whose error only the end was kept': [
    `thESMLoader (node:internal/modules/run_main:117:5) {
  [cause]: Error: Cannot find module 'tokenizers-linux-x64-gnu'
  Require stack:
  - /app/node_modules/tokenizers/index.js
    cause: Error: Cannot find module './tokenizers.linux-x64-gnu.node'`,
    "received: Cannot find module 'tokenizers-linux-x64-gnu'",
    'npm ci',
  ],
  'libsql, node_modules copied from another platform': [
    `Error: Cannot find module '@libsql/linux-x64-gnu'
Require stack:
- /app/node_modules/libsql/index.js`,
    "Expected the package 'libsql' to load on",
    'npm ci',
  ],
};

describe('a lane that ends at its start because of its dependencies', () => {
  it.each(Object.entries(PRINTED))('%s', (_, [printed, expected, help]) => {
    const died = new Error(`The model's process exited with code 1; its last output was:\n${printed}`);
    const error = dependencyError(died);
    expect(error).toMatchObject({ name: 'EmbedlaneError', code: 'ERR_NATIVE_LOAD', cause: died });
    expect(error?.message).toContain(expected);
    expect(error?.message).toContain(help);
  });

  it('any other end is left alone', () => {
    const killed = "The model's process was ended by SIGKILL";
    const thrown = `${killed}; its last output was:\nTypeError: x is not a function\n at /app/node_modules/onnxruntime-node/dist/backend.js:1`;
    for (const message of [killed, thrown]) expect(dependencyError(new Error(message))).toBeUndefined();
  });
});
