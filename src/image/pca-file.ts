import { readFile } from 'node:fs/promises';
import { EmbedlaneError } from '../core/errors.js';
import { entriesWithin } from '../core/zip.js';
import { PCA } from '../vectors/index.js';

/** Of both arrays: 11,000 components of as many dimensions as doubles. */
const MAX_BYTES = 2 ** 30;

/** An array out of a `.npy` file, row-major. */
interface NpyArray {
  shape: number[];
  data: Float32Array;
}

/**
 * Reads a PCA that imgbeddings saved: a NumPy archive with `mean` `[dims]` and `components` `[kept, dims]`.
 *
 * @throws {EmbedlaneError} `ERR_IO` if the file cannot be read, `ERR_CORRUPT` if it is no such archive
 */
export async function readPca(path: string): Promise<PCA> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new EmbedlaneError('ERR_IO', `Expected a readable file at ${path} but received ${code}`, { cause });
  }
  // Few models have one, and everyone would wait for it.
  const { unzipSync } = await import('fflate');
  try {
    const wanted = ({ name }: { name: string }) => /^(mean|components)\.npy$/.test(name);
    const files = unzipSync(bytes, { filter: entriesWithin(MAX_BYTES, bytes, wanted) });
    const mean = parseNpy(files['mean.npy']);
    const components = parseNpy(files['components.npy']);
    const [rows, dims] = components.shape;
    return new PCA({ mean: mean.data, components: { data: components.data, rows, dims } });
  } catch (cause) {
    throw new EmbedlaneError(
      'ERR_CORRUPT',
      `Expected a NumPy archive with 'mean' and 'components' in ${path} but received something else`,
      { cause },
    );
  }
}

/** NumPy's format, versions 1 to 3: a magic, a Python literal that describes the array, its bytes. */
function parseNpy(file: Uint8Array | undefined): NpyArray {
  if (!file) throw new Error('The array is missing');
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const text = (start: number, end: number) => Buffer.from(file.subarray(start, end)).toString('latin1');
  if (text(0, 6) !== '\x93NUMPY') throw new Error('The magic is wrong');
  const long = file[6] > 1;
  const start = long ? 12 : 10;
  const end = start + (long ? view.getUint32(8, true) : view.getUint16(8, true));
  const header = text(start, end);
  const type = /'descr': '<f([48])'/.exec(header)?.[1];
  const shape = /'shape': \(([\d, ]*)\)/
    .exec(header)?.[1]
    .split(',')
    .filter((size) => size.trim() !== '')
    .map(Number);
  const order = /'fortran_order': (True|False)/.exec(header)?.[1];
  if (type === undefined || !shape || order === undefined || shape.length > 2)
    throw new Error('The type is another');
  const [rows, columns = 1] = shape;
  if (end + rows * columns * Number(type) > file.length) throw new Error('The array is cut short');
  const data = new Float32Array(rows * columns);
  for (let i = 0; i < data.length; i++) {
    // What scikit-learn computes comes column by column.
    const place = order === 'True' ? (i % rows) * columns + Math.floor(i / rows) : i;
    const at = end + i * Number(type);
    data[place] = type === '4' ? view.getFloat32(at, true) : view.getFloat64(at, true);
  }
  return { shape, data };
}
