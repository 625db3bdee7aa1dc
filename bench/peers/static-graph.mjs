/**
 * The ONNX graph of a static model, as transformers.js needs it: `input_ids` of all texts one after the other and
 * `offsets` where each begins, which is model2vec's own way of calling it. That library's export has a loop over
 * the texts; this one sums all of them at once, which is as fast as onnxruntime does it.
 */
import { createRequire } from 'node:module';

const SCHEMA = `
  syntax = "proto2";
  message Attribute { optional string name = 1; optional int64 i = 3; optional string s = 4; optional Tensor t = 5;
    optional int32 type = 20; }
  message Tensor { repeated int64 dims = 1; optional int32 data_type = 2; optional string name = 8;
    optional bytes raw_data = 9; }
  message Node { repeated string input = 1; repeated string output = 2; optional string op_type = 4;
    repeated Attribute attribute = 5; }
  message Dimension { optional int64 dim_value = 1; optional string dim_param = 2; }
  message Shape { repeated Dimension dim = 1; }
  message TensorType { optional int32 elem_type = 1; optional Shape shape = 2; }
  message Type { optional TensorType tensor_type = 1; }
  message ValueInfo { optional string name = 1; optional Type type = 2; }
  message Graph { repeated Node node = 1; optional string name = 2; repeated Tensor initializer = 5;
    repeated ValueInfo input = 11; repeated ValueInfo output = 12; }
  message Opset { optional string domain = 1; optional int64 version = 2; }
  message Model { optional int64 ir_version = 1; optional Graph graph = 7; repeated Opset opset_import = 8; }`;

const FLOAT = 1;
const INT64 = 7;
const ATTRIBUTE = { int: 2, string: 3, tensor: 4 };

const floats = (name, dims, data) => tensor(name, FLOAT, dims, data);
const longs = (name, values) => tensor(name, INT64, [values.length], BigInt64Array.from(values, BigInt));

function tensor(name, type, dims, data) {
  return { name, dims, dataType: type, rawData: Buffer.from(data.buffer, data.byteOffset, data.byteLength) };
}

function value(name, type, ...dims) {
  const dim = dims.map((size) => (typeof size === 'number' ? { dimValue: size } : { dimParam: size }));
  return { name, type: { tensorType: { elemType: type, shape: { dim } } } };
}

const filled = (content) => [{ name: 'value', type: ATTRIBUTE.tensor, t: content }];
const adding = [{ name: 'reduction', type: ATTRIBUTE.string, s: 'add' }];

/** @returns bytes of a graph that gives the normalised mean of each text's rows of `table`, `[rows, dims]` */
export function meanGraph(table, rows, dims) {
  const node = (opType, input, output, attribute = []) => ({ opType, input, output: [output], attribute });
  const nodes = [
    node('Shape', ['input_ids'], 'tokens'),
    node('Shape', ['offsets'], 'texts'),
    // Which text each token belongs to: how many texts begin before it.
    node('Unsqueeze', ['offsets', 'one'], 'starts'),
    node('ConstantOfShape', ['texts'], 'ones', filled(longs('', [1]))),
    node('ConstantOfShape', ['tokens'], 'none', filled(longs('', [0]))),
    node('ScatterND', ['none', 'starts', 'ones'], 'begins', adding),
    node('CumSum', ['begins', 'zero'], 'ordinals'),
    node('Sub', ['ordinals', 'one'], 'owners'),
    node('Unsqueeze', ['owners', 'one'], 'places'),
    // Sums and numbers of their rows.
    node('Gather', ['table', 'input_ids'], 'vectors'),
    node('Concat', ['texts', 'width'], 'shape', [{ name: 'axis', type: ATTRIBUTE.int, i: 0 }]),
    node('ConstantOfShape', ['shape'], 'empty', filled(floats('', [1], Float32Array.of(0)))),
    node('ScatterND', ['empty', 'places', 'vectors'], 'sums', adding),
    node('ConstantOfShape', ['tokens'], 'units', filled(floats('', [1], Float32Array.of(1)))),
    node('ConstantOfShape', ['texts'], 'zeros', filled(floats('', [1], Float32Array.of(0)))),
    node('ScatterND', ['zeros', 'places', 'units'], 'counts', adding),
    node('Max', ['counts', 'least'], 'divisors'),
    node('Unsqueeze', ['divisors', 'one'], 'columns'),
    node('Div', ['sums', 'columns'], 'means'),
    node('ReduceL2', ['means', 'one'], 'lengths'),
    node('Max', ['lengths', 'tiny'], 'norms'),
    node('Div', ['means', 'norms'], 'embeddings'),
  ];
  const model = {
    irVersion: 8,
    opsetImport: [{ domain: '', version: 18 }],
    graph: {
      name: 'static',
      node: nodes,
      initializer: [
        floats('table', [rows, dims], table),
        longs('zero', [0]),
        longs('one', [1]),
        longs('width', [dims]),
        floats('least', [1], Float32Array.of(1)),
        floats('tiny', [1], Float32Array.of(1e-12)),
      ],
      input: [value('input_ids', INT64, 'tokens'), value('offsets', INT64, 'texts')],
      output: [value('embeddings', FLOAT, 'texts', dims)],
    },
  };
  const protobuf = createRequire(import.meta.url)('protobufjs');
  const type = protobuf.parse(SCHEMA).root.lookupType('Model');
  return type.encode(type.fromObject(model)).finish();
}
