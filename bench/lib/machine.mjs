import { readFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';

const root = new URL('../../', import.meta.url);

/** Version of an installed package, or undefined. Reads the file: some packages do not export package.json. */
export function packageVersion(name, folder = root) {
  try {
    return JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, folder), 'utf8')).version;
  } catch {
    return undefined;
  }
}

export const peersFolder = new URL('bench/peers/', root);
export const peerVersion = (name) => packageVersion(name, peersFolder);

/** What a reader must know to compare a result with his own. */
export function machine() {
  const processors = cpus();
  return {
    cpu: processors[0]?.model.trim(),
    cores: processors.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${process.platform}-${process.arch} ${release()}`,
    node: process.version,
    embedlane: JSON.parse(readFileSync(new URL('package.json', root), 'utf8')).version,
    load: loadavg()[0],
  };
}

export function describeMachine(about) {
  return `${about.cpu}, ${about.cores} cores, ${about.memoryGiB} GiB, ${about.system}, Node ${about.node}, load ${about.load.toFixed(2)}`;
}
