import { type FileHandle, open } from 'node:fs/promises';

/** Fields of ONNX's protocol buffers: ModelProto.graph, GraphProto.output, ValueInfoProto.name. */
const GRAPH = 7;
const OUTPUT = 12;
const NAME = 1;

/** Wire types of protocol buffers that ONNX uses. */
const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

/** Longest key and length of a field. */
const MOST_PREFIX = 20;
/** A name and a type with a few dimensions; nothing that is longer describes an output. */
const MOST_OUTPUT = 65_536;

interface Field {
  number: number;
  /** Where its bytes are; empty for a number. */
  start: number;
  end: number;
}

/**
 * Names of the outputs of an ONNX file's graph, found without reading its weights and nodes.
 *
 * @returns an empty list for a file that is no ONNX graph: whoever opens it says so better
 */
export async function graphOutputNames(file: string): Promise<string[]> {
  const handle = await open(file);
  try {
    const names: string[] = [];
    const { size } = await handle.stat();
    for await (const graph of fields(handle, 0, size)) {
      if (graph.number !== GRAPH) continue;
      for await (const output of fields(handle, graph.start, graph.end)) {
        if (output.number === OUTPUT) names.push(...(await nameOf(handle, output)));
      }
    }
    return names;
  } finally {
    await handle.close();
  }
}

async function nameOf(handle: FileHandle, { start, end }: Field): Promise<string[]> {
  for await (const field of fields(handle, start, Math.min(end, start + MOST_OUTPUT))) {
    if (field.number === NAME) return [(await bytes(handle, field.start, field.end)).toString('utf8')];
  }
  return [];
}

/** The fields of a message, as far as it is well-formed. */
async function* fields(
  handle: FileHandle,
  from: number,
  end: number,
): AsyncGenerator<Field, void, undefined> {
  for (let start = from; start < end; ) {
    const field = parseField(await bytes(handle, start, Math.min(end, start + MOST_PREFIX)), start);
    if (!field || field.end > end) return;
    yield field;
    start = field.end;
  }
}

function parseField(prefix: Buffer, start: number): Field | undefined {
  const key = varint(prefix, 0);
  if (!key) return undefined;
  const number = Math.floor(key.value / 8);
  const fixed = (length: number) => ({ number, start: start + key.end, end: start + key.end + length });
  switch (key.value % 8) {
    case VARINT: {
      const value = varint(prefix, key.end);
      return value && { number, start: start + value.end, end: start + value.end };
    }
    case FIXED64:
      return fixed(8);
    case FIXED32:
      return fixed(4);
    case BYTES: {
      const length = varint(prefix, key.end);
      return length && { number, start: start + length.end, end: start + length.end + length.value };
    }
    default:
      return undefined;
  }
}

/** A number of seven bits per byte; what is beyond 2^53 is no length. */
function varint(buffer: Buffer, start: number): { value: number; end: number } | undefined {
  let value = 0;
  for (let at = start; at < buffer.length; at++) {
    value += (buffer[at] & 0x7f) * 2 ** (7 * (at - start));
    if (buffer[at] < 0x80) return { value, end: at + 1 };
  }
  return undefined;
}

async function bytes(handle: FileHandle, start: number, end: number): Promise<Buffer> {
  const buffer = Buffer.alloc(end - start);
  const { bytesRead } = await handle.read(buffer, 0, buffer.length, start);
  return buffer.subarray(0, bytesRead);
}
