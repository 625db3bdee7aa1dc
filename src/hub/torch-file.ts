import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { UnzipFileInfo } from 'fflate';
import { EmbedlaneError } from '../core/errors.js';
import { entriesWithin } from '../core/zip.js';
import { type PickledName, unpickle } from './pickle.js';
import { type TensorFile, WIDEN } from './safetensors.js';

/** PyTorch's storage classes, with the dtypes of safetensors. */
const STORAGES: Readonly<Record<string, { dtype: string; bytes: number }>> = {
  FloatStorage: { dtype: 'F32', bytes: 4 },
  DoubleStorage: { dtype: 'F64', bytes: 8 },
  HalfStorage: { dtype: 'F16', bytes: 2 },
  BFloat16Storage: { dtype: 'BF16', bytes: 2 },
};

/** PyTorch's own. */
const MAX_AXES = 64;

interface Tensor {
  dtype: string;
  shape: readonly number[];
  /** Values in row-major order. */
  bytes: Uint8Array;
}

/**
 * Named tensors in a file that `torch.save(module.state_dict())` wrote: a ZIP archive with a pickle that says what they
 * are, and their values. Nothing in the pickle is run.
 */
export class TorchFile implements TensorFile {
  readonly file: string;
  readonly tensors: ReadonlyMap<string, Tensor>;

  private constructor(file: string, tensors: ReadonlyMap<string, Tensor>) {
    this.file = file;
    this.tensors = tensors;
  }

  /**
   * @param prefix of the tensors' names here, where they have none: in the file of a single layer
   * @throws {EmbedlaneError} `ERR_MODEL_INVALID` if the file is missing, damaged, or has anything but tensors in it
   */
  static async open(file: string, prefix?: string): Promise<TorchFile> {
    try {
      const bytes = await readFile(file);
      // Few models have such a file, and everyone would wait for it.
      const { unzipSync } = await import('fflate');
      const filter = entriesWithin(bytes.length, bytes, isStored);
      return new TorchFile(file, readTensors(unzipSync(bytes, { filter }), prefix));
    } catch (cause) {
      throw new EmbedlaneError(
        'ERR_MODEL_INVALID',
        `Expected tensors that PyTorch saved in ${basename(file)} but received something else (${file})`,
        { cause },
      );
    }
  }

  async floats(name: string, shape: readonly number[]): Promise<Float32Array> {
    const tensor = this.tensors.get(name);
    if (!tensor || tensor.shape.join() !== shape.join()) {
      throw new EmbedlaneError(
        'ERR_MODEL_INVALID',
        `Expected a tensor '${name}' of shape [${shape.join(', ')}] in ${basename(this.file)} but received ` +
          `${tensor ? `shape [${tensor.shape.join(', ')}]` : [...this.tensors.keys()].join(', ') || 'none'} (${this.file})`,
      );
    }
    return WIDEN[tensor.dtype](tensor.bytes.slice().buffer as ArrayBuffer);
  }
}

/** PyTorch compresses nothing; what is compressed may be of any size. */
function isStored({ compression, size, originalSize }: UnzipFileInfo): boolean {
  return compression === 0 && size === originalSize;
}

function readTensors(files: Record<string, Uint8Array>, prefix: string | undefined): Map<string, Tensor> {
  const pickle = Object.keys(files).find((name) => /^[^/]+\/data\.pkl$/.test(name));
  if (!pickle) throw new Error('The archive has no data.pkl');
  const folder = pickle.slice(0, -'data.pkl'.length);
  const found = unpickle(files[pickle], {
    reduce,
    // ('storage', class, key, device, number of values)
    persistent(id) {
      const [kind, type, key] = id as [unknown, PickledName, unknown];
      const storage = STORAGES[type?.name];
      // Tuples of tuples that a few bytes remember twice at each level would become gigabytes of text.
      if (typeof key !== 'string') throw new Error('A storage has no name');
      const bytes = files[`${folder}data/${key}`];
      if (kind !== 'storage' || type.module !== 'torch' || !storage || !bytes)
        throw new Error('A storage is unknown');
      return { ...storage, values: bytes };
    },
  });
  const tensors = new Map<string, Tensor>();
  for (const [name, value] of found as Map<unknown, Tensor>) {
    if (typeof name !== 'string' || !(value?.bytes instanceof Uint8Array)) throw new Error('It is no tensor');
    tensors.set(prefix === undefined ? name : `${prefix}.${name}`, value);
  }
  return tensors;
}

function reduce({ module, name }: PickledName, args: readonly unknown[]): unknown {
  switch (`${module}.${name}`) {
    case 'collections.OrderedDict':
      return new Map();
    case 'torch._utils._rebuild_tensor_v2':
      return rebuild(args);
    default:
      throw new Error(`${module}.${name} is not part of a file of weights`);
  }
}

/** (storage, offset, shape, strides, …), offset and strides in values. */
function rebuild([storage, offset, shape, strides]: readonly unknown[]): Tensor {
  const { dtype, bytes, values } = storage as { dtype: string; bytes: number; values: Uint8Array };
  if (!isSizes(shape) || !isSizes(strides) || !isSizes([offset])) throw new Error('A shape is malformed');
  if (shape.length > MAX_AXES) throw new Error('A tensor has too many axes');
  const length = shape.reduce((product, size) => product * size, 1);
  const rowMajor = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, size) => product * size, 1));
  if (strides.some((stride, axis) => stride !== rowMajor[axis] && shape[axis] !== 1))
    throw new Error('A tensor is not row-major');
  const start = bytes * (offset as number);
  const end = start + bytes * length;
  if (!(end <= values.length)) throw new Error('A tensor is larger than its storage');
  return { dtype, shape, bytes: values.subarray(start, end) };
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}
