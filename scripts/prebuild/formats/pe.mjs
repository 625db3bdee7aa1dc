// What a 64-bit Windows DLL needs. Offsets: Microsoft's "PE Format".

const IS_DLL = 0x2000;

/** @returns {{ machine: number, needed: string[] }} */
export function readPe(bytes) {
  const header = bytes.readUInt32LE(0x3c);
  if (bytes.readUInt16LE(0) !== 0x5a4d || bytes.readUInt32LE(header) !== 0x4550)
    throw new Error('not a PE file');
  if (!(bytes.readUInt16LE(header + 22) & IS_DLL)) throw new Error('not a DLL');
  const optional = header + 24;
  if (bytes.readUInt16LE(optional) !== 0x20b) throw new Error('not a 64-bit DLL');
  const sections = Array.from({ length: bytes.readUInt16LE(header + 6) }, (_, index) => {
    const at = optional + bytes.readUInt16LE(header + 20) + index * 40;
    return {
      address: bytes.readUInt32LE(at + 12),
      size: bytes.readUInt32LE(at + 16),
      offset: bytes.readUInt32LE(at + 20),
    };
  });
  const position = (address) => {
    const section = sections.find((each) => address >= each.address && address < each.address + each.size);
    if (!section) throw new Error(`no section holds address ${address}`);
    return address - section.address + section.offset;
  };
  const needed = [];
  const imports = bytes.readUInt32LE(optional + 112 + 8);
  for (let at = position(imports); bytes.readUInt32LE(at + 12) !== 0; at += 20) {
    const name = position(bytes.readUInt32LE(at + 12));
    needed.push(bytes.toString('latin1', name, bytes.indexOf(0, name)).toLowerCase());
  }
  return { machine: bytes.readUInt16LE(header + 4), needed };
}
