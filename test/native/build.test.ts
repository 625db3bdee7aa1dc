import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

interface Group {
  arch?: string;
  sources: string[];
  gnu: string[];
}
const sources = JSON.parse(read('native/sources.json')) as {
  standard: string;
  flags: { gnu: string[] };
  groups: Record<string, Group>;
  defines: string[];
  tests: string[];
  fuzz: string[];
  fuzz_addon: string[];
};
const groups = Object.entries(sources.groups);

interface GypTarget {
  target_name: string;
  dependencies?: string[];
  sources: string[];
  cflags_cc?: string[];
  conditions?: [string, Partial<GypTarget>][];
}

/** binding.gyp as gyp sees it: its commands run, its conditions still open. */
function gyp() {
  // gyp files are Python literals; ours is a JavaScript one too, but for the comments.
  const text = read('binding.gyp').replace(/^#.*$/gm, '');
  const expand = (value: unknown): unknown => {
    if (Array.isArray(value))
      return value.flatMap((item) => (typeof item === 'string' ? expand(item) : [expand(item)]));
    if (typeof value === 'object' && value !== null) {
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, expand(item)]));
    }
    const command = typeof value === 'string' ? /^<!@\(node (.*)\)$/.exec(value)?.[1] : undefined;
    if (command === undefined) return value;
    const output = execFileSync(process.execPath, command.split(' '), { cwd: root, encoding: 'utf8' });
    return output.split('\n').filter(Boolean);
  };
  return expand(new Function(`return (${text});`)()) as {
    target_defaults: { cflags_cc: string[]; defines: string[] };
    targets: GypTarget[];
    conditions: [string, { targets: GypTarget[] }][];
  };
}

describe('the list of native sources', () => {
  it('has every file in exactly one place', () => {
    const listed = [
      ...groups.flatMap(([, group]) => group.sources),
      ...sources.tests,
      ...sources.fuzz,
      ...sources.fuzz_addon,
    ].sort();
    const present = readdirSync(`${root}native`, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.cc'))
      .map((name) => `native/${name.replaceAll('\\', '/')}`)
      .sort();
    expect(listed).toEqual(present);
  });

  it('is what node-gyp compiles, group by group, with the same flags', () => {
    const { target_defaults, targets, conditions } = gyp();
    expect(target_defaults.defines).toEqual(sources.defines);
    expect(target_defaults.cflags_cc).toEqual([`-std=${sources.standard}`, ...sources.flags.gnu]);
    const addon = targets.find((target) => target.target_name === 'embedlane')!;
    expect(addon.sources).toEqual([...sources.groups.core.sources, ...sources.groups.addon.sources]);
    for (const [name, group] of groups) {
      if (name === 'core' || name === 'addon') continue;
      const condition = `target_arch=="${group.arch}"`;
      const candidates = group.arch
        ? conditions.filter(([when]) => when === condition).flatMap(([, then]) => then.targets)
        : targets;
      const target = candidates.find((candidate) => candidate.target_name === `embedlane_${name}`)!;
      expect(target.sources, name).toEqual(group.sources);
      expect(target.cflags_cc ?? [], name).toEqual(group.gnu);
      const linked = group.arch
        ? addon.conditions?.filter(([when]) => when === condition).flatMap(([, then]) => then.dependencies)
        : addon.dependencies;
      expect(linked, name).toContain(`embedlane_${name}`);
    }
  });

  const commands = `${root}build/compile_commands.json`;
  it.runIf(existsSync(commands))('is what CMake compiles, with the same flags', () => {
    const compiled = (JSON.parse(readFileSync(commands, 'utf8')) as { file: string; command: string }[]).map(
      ({ file, command }) => ({
        file: relative(root, file).replaceAll('\\', '/'),
        words: command.split(' '),
      }),
    );
    const here = groups.filter(([, { arch }]) => arch === undefined || arch === process.arch);
    expect(compiled.map(({ file }) => file).sort()).toEqual(
      here.flatMap(([, group]) => group.sources).sort(),
    );
    if (process.platform === 'win32') return;
    const special = new Set(groups.flatMap(([, group]) => group.gnu));
    for (const { file, words } of compiled) {
      const [, group] = here.find(([, { sources: files }]) => files.includes(file))!;
      expect(words).toEqual(expect.arrayContaining([...sources.flags.gnu, `-std=${sources.standard}`]));
      expect(
        words.filter((word) => special.has(word)),
        file,
      ).toEqual(group.gnu);
    }
  });

  it('keeps the standard library out of the instruction-set files', () => {
    const kernels = groups.filter(([name]) => name !== 'core' && name !== 'addon');
    for (const file of [
      ...kernels.flatMap(([, group]) => group.sources),
      ...['kernels', 'image'].flatMap((folder) =>
        readdirSync(`${root}native/${folder}`)
          .filter((name) => name.endsWith('-inl.h') || name === 'kernels.h')
          .map((name) => `native/${folder}/${name}`),
      ),
    ]) {
      const included = [...read(file).matchAll(/#include <(.*)>/g)].map(([, name]) => name);
      const harmless = ['math.h', 'stddef.h', 'stdint.h', 'string.h', 'cstddef', 'cstdint'].concat(
        'immintrin.h',
        'arm_neon.h',
      );
      expect(
        included.filter((name) => !harmless.includes(name)),
        file,
      ).toEqual([]);
      expect(read(file), file).not.toMatch(/\bstd::/);
    }
  });

  it.runIf(existsSync(commands) && process.platform === 'linux')(
    'keeps the instruction-set objects to themselves',
    () => {
      for (const [name, group] of groups) {
        if (group.arch !== process.arch) continue;
        for (const source of group.sources) {
          const object = `${root}build/CMakeFiles/embedlane_${name}.dir/${source}.o`;
          const symbols = execFileSync('nm', ['--extern-only', '--defined-only', '--demangle', object], {
            encoding: 'utf8',
          });
          // One function: it returns the table of the others, or is the only one.
          expect(symbols.trim(), source).toMatch(
            new RegExp(
              `^\\S+ T embedlane::(${name}_(kernels|tiles|resample)\\(\\)|(bag_mean_${name}|${name}_mel)\\(.*\\))$`,
            ),
          );
        }
      }
    },
  );
});
