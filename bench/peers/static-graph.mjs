/**
 * The ONNX graph of a static model, as transformers.js can run it: `input_ids` and `attention_mask` of a batch, one
 * product of matrices for the sums. (model2vec's own export has a loop over the texts, which is slower; sums by
 * ScatterND are wrong on several threads.)
 */
import { createRequire } from 'node:module';

const SCHEMA = `
  syntax = "proto2";
  message Attribute { optional string name = 1; optional int64 i = 3; optional int32 type = 20; }
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
const INT_ATTRIBUTE = 2;

const floats = (name, dims, data) => tensor(name, FLOAT, dims, data);
const longs = (name, values) => tensor(name, INT64, [values.length], BigInt64Array.from(values, BigInt));

function tensor(name, type, dims, data) {
  return { name, dims, dataType: type, rawData: Buffer.from(data.buffer, data.byteOffset, data.byteLength) };
}

function value(name, type, ...dims) {
  const dim = dims.map((size) => (typeof size === 'number' ? { dimValue: size } : { dimParam: size }));
  return { name, type: { tensorType: { elemType: type, shape: { dim } } } };
}

/** @returns bytes of a graph that gives the normalised mean of each text's rows of `table`, `[rows, dims]` */
export function meanGraph(table, rows, dims) {
  const node = (opType, input, output, attribute = []) => ({ opType, input, output: [output], attribute });
  const toFloat = [{ name: 'to', type: INT_ATTRIBUTE, i: FLOAT }];
  const nodes = [
    node('Gather', ['table', 'input_ids'], 'vectors'),
    node('Cast', ['attention_mask'], 'mask', toFloat),
    node('Unsqueeze', ['mask', 'one'], 'weights'),
    node('MatMul', ['weights', 'vectors'], 'products'),
    node('Squeeze', ['products', 'one'], 'sums'),
    node('ReduceSum', ['mask', 'one'], 'counts'),
    node('Max', ['counts', 'least'], 'divisors'),
    node('Div', ['sums', 'divisors'], 'means'),
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
        longs('one', [1]),
        floats('least', [1], Float32Array.of(1)),
        floats('tiny', [1], Float32Array.of(1e-12)),
      ],
      input: ['input_ids', 'attention_mask'].map((name) => value(name, INT64, 'texts', 'tokens')),
      output: [value('embeddings', FLOAT, 'texts', dims)],
    },
  };
  const protobuf = createRequire(import.meta.url)('protobufjs');
  const type = protobuf.parse(SCHEMA).root.lookupType('Model');
  return type.encode(type.fromObject(model)).finish();
}
