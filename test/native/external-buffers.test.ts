import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';

/**
 * Electron, and every other host with a sandboxed heap, refuses memory that native code has allocated
 * (`napi_no_external_buffers_allowed`): no native part may ask for that.
 */
const EXTERNAL = ['napi_create_external_arraybuffer', 'napi_create_external_buffer'];

const ort = dirname(dirname(createRequire(import.meta.url).resolve('onnxruntime-node')));
const binaries = [
  `prebuilds/${process.platform}-${process.arch}/embedlane.node`,
  'build/Release/embedlane.node',
  join(ort, 'bin/napi-v6', process.platform, process.arch, 'onnxruntime_binding.node'),
].filter((path) => existsSync(path));

describe('memory that is not the heap’s own', () => {
  it('is looked for in some binary', () => {
    expect(binaries.length).toBeGreaterThan(0);
  });

  it.each(binaries)('is never handed to JavaScript by %s', (path) => {
    const binary = readFileSync(path);
    expect(binary.includes('napi_create_arraybuffer') || binary.includes('napi_wrap')).toBe(true);
    expect(EXTERNAL.filter((symbol) => binary.includes(symbol))).toEqual([]);
  });
});
