import { spawnSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
// As the script sees it, where the system's folder is a link.
const folder = realpathSync(mkdtempSync(join(tmpdir(), 'embedlane-build-')));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A project whose addon is a copy of its only source, so that it is made in no time. */
const COPY = (made: string) => `
cmake_minimum_required(VERSION 3.19)
project(copy NONE)
add_custom_command(OUTPUT \${CMAKE_BINARY_DIR}/${made}
  COMMAND \${CMAKE_COMMAND} -E copy \${CMAKE_SOURCE_DIR}/native/source \${CMAKE_BINARY_DIR}/${made}
  DEPENDS \${CMAKE_SOURCE_DIR}/native/source)
add_custom_target(addon ALL DEPENDS \${CMAKE_BINARY_DIR}/${made})
`;

/** A checkout of such a project. */
function checkout(name: string, source: string, made = 'Release/embedlane.node') {
  const path = join(folder, name);
  for (const part of ['scripts', 'native']) mkdirSync(join(path, part), { recursive: true });
  cpSync(join(root, 'scripts/build-native.mjs'), join(path, 'scripts/build-native.mjs'));
  symlinkSync(join(root, 'node_modules'), join(path, 'node_modules'), 'junction');
  writeFileSync(join(path, 'package.json'), '{"type":"module","binary":{"napi_versions":[8]}}');
  writeFileSync(join(path, 'CMakeLists.txt'), COPY(made));
  const set = (content: string) => writeFileSync(join(path, 'native/source'), content);
  set(source);
  return {
    path,
    set,
    build(...args: string[]) {
      const script = join(path, 'scripts/build-native.mjs');
      const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], { encoding: 'utf8' });
      return { status, output: stdout + stderr };
    },
    addon: () => readFileSync(join(path, 'build/Release/embedlane.node'), 'utf8'),
  };
}

const hasTools = spawnSync('cmake', ['--version']).status === 0;

describe.skipIf(!hasTools || process.platform === 'win32')('building the addon', () => {
  it('builds its own sources in a build folder that came from another checkout, and leaves that one alone', () => {
    const first = checkout('first', 'one');
    expect(first.build()).toEqual({ status: 0, output: expect.stringContaining('addon built') });
    const second = checkout('second', 'two');
    cpSync(join(first.path, 'build'), join(second.path, 'build'), { recursive: true });
    first.set('changed since');
    const { status, output } = second.build();
    expect(status).toBe(0);
    expect(output).toContain(`is from ${first.path}: building anew`);
    expect([first.addon(), second.addon()]).toEqual(['one', 'two']);
    second.set('three');
    expect(second.build().output).not.toContain('building anew');
    expect(second.addon()).toBe('three');
  });

  it('makes the addon again when it is told to although nothing has changed', () => {
    const { path, build, addon } = checkout('forced', 'one');
    build();
    writeFileSync(join(path, 'build/Release/embedlane.node'), 'from elsewhere');
    expect(build().output).toContain('up to date');
    expect(build('--force')).toEqual({ status: 0, output: expect.stringContaining('addon built') });
    expect(addon()).toBe('one');
  });

  it('fails when the build makes something else, and keeps the addon that was there', () => {
    const { path, build, addon } = checkout('elsewhere', 'one', 'Release/another.node');
    mkdirSync(join(path, 'build/Release'), { recursive: true });
    writeFileSync(join(path, 'build/Release/embedlane.node'), 'former');
    const { status, output } = build();
    expect(status).toBe(1);
    expect(output).toContain('The build ended without making');
    expect(addon()).toBe('former');
    expect(build().status).toBe(1);
  });
});
