// What a 64-bit little-endian ELF shared library needs and offers. Offsets: System V gABI, and the GNU extension for
// symbol versions (LSB 5.0, section 10.7).

const SECTION = { dynamic: 6, dynamicSymbols: 11, versionNeeds: 0x6ffffffe };
const DYNAMIC_NEEDED = 1n;

/** @returns {{ machine: number, needed: string[], versions: string[], exports: string[] }} */
export function readElf(bytes) {
  if (bytes.readUInt32BE(0) !== 0x7f454c46 || bytes[4] !== 2 || bytes[5] !== 1)
    throw new Error('not a 64-bit ELF file');
  if (bytes.readUInt16LE(16) !== 3) throw new Error('not a shared library');
  const sections = readSections(bytes);
  const find = (type) => sections.find((section) => section.type === type);
  return {
    machine: bytes.readUInt16LE(18),
    needed: readNeeded(bytes, sections, find(SECTION.dynamic)),
    versions: readVersions(bytes, sections, find(SECTION.versionNeeds)),
    exports: readExports(bytes, sections, find(SECTION.dynamicSymbols)),
  };
}

function readSections(bytes) {
  const start = Number(bytes.readBigUInt64LE(40));
  const size = bytes.readUInt16LE(58);
  return Array.from({ length: bytes.readUInt16LE(60) }, (_, index) => {
    const at = start + index * size;
    return {
      type: bytes.readUInt32LE(at + 4),
      offset: Number(bytes.readBigUInt64LE(at + 24)),
      size: Number(bytes.readBigUInt64LE(at + 32)),
      link: bytes.readUInt32LE(at + 40),
      info: bytes.readUInt32LE(at + 44),
    };
  });
}

function text(bytes, at) {
  return bytes.toString('latin1', at, bytes.indexOf(0, at));
}

function readNeeded(bytes, sections, dynamic) {
  const names = sections[dynamic.link].offset;
  const needed = [];
  for (let at = dynamic.offset; at < dynamic.offset + dynamic.size; at += 16) {
    if (bytes.readBigInt64LE(at) === DYNAMIC_NEEDED)
      needed.push(text(bytes, names + Number(bytes.readBigUInt64LE(at + 8))));
  }
  return needed;
}

function readVersions(bytes, sections, needs) {
  if (!needs) return [];
  const names = sections[needs.link].offset;
  const versions = [];
  let at = needs.offset;
  for (let library = 0; library < needs.info; library++) {
    let entry = at + bytes.readUInt32LE(at + 8);
    for (let count = bytes.readUInt16LE(at + 2); count > 0; count--) {
      versions.push(text(bytes, names + bytes.readUInt32LE(entry + 8)));
      entry += bytes.readUInt32LE(entry + 12);
    }
    at += bytes.readUInt32LE(at + 12);
  }
  return versions;
}

function readExports(bytes, sections, symbols) {
  const names = sections[symbols.link].offset;
  const exports = [];
  for (let at = symbols.offset; at < symbols.offset + symbols.size; at += 24) {
    const local = bytes[at + 4] >> 4 === 0;
    const undefinedHere = bytes.readUInt16LE(at + 6) === 0;
    if (!local && !undefinedHere) exports.push(text(bytes, names + bytes.readUInt32LE(at)));
  }
  return exports.sort();
}
