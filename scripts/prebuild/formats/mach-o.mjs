// What a 64-bit Mach-O library needs. Offsets: <mach-o/loader.h>.

const COMMAND = { loadLibrary: 0xc, codeSignature: 0x1d, buildVersion: 0x32 };

/** @returns {{ machine: number, needed: string[], signed: boolean, minimumMacOS: string | undefined }} */
export function readMachO(bytes) {
  if (bytes.readUInt32LE(0) !== 0xfeedfacf) throw new Error('not a 64-bit Mach-O file');
  if (![6, 8].includes(bytes.readUInt32LE(12))) throw new Error('not a library');
  const needed = [];
  let signed = false;
  let minimumMacOS;
  let at = 32;
  for (let count = bytes.readUInt32LE(16); count > 0; count--) {
    const command = bytes.readUInt32LE(at) & 0x7fffffff;
    if (command === COMMAND.loadLibrary) {
      const name = at + bytes.readUInt32LE(at + 8);
      needed.push(bytes.toString('latin1', name, bytes.indexOf(0, name)));
    }
    if (command === COMMAND.codeSignature) signed = true;
    if (command === COMMAND.buildVersion) {
      const version = bytes.readUInt32LE(at + 12);
      minimumMacOS = `${version >> 16}.${(version >> 8) & 255}`;
    }
    at += bytes.readUInt32LE(at + 4);
  }
  return { machine: bytes.readUInt32LE(4), needed, signed, minimumMacOS };
}
