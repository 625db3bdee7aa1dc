/** Vectors as the Arrow table that LanceDB takes without making an object of each row. */
import {
  Field,
  FixedSizeList,
  Float32,
  makeData,
  makeVector,
  Table,
  Utf8,
  vectorFromArray,
} from 'apache-arrow';

/**
 * @param data row-major
 * @param columns what else the rows have, by name; arrays of strings or typed arrays
 */
export function vectorTable(data, dims, columns = {}) {
  const rows = data.length / dims;
  const values = makeData({ type: new Float32(), length: data.length, nullCount: 0, data });
  const type = new FixedSizeList(dims, new Field('item', new Float32(), true));
  const vector = makeVector(makeData({ type, length: rows, nullCount: 0, child: values }));
  const others = Object.entries(columns).map(([name, values]) => [
    name,
    Array.isArray(values) ? vectorFromArray(values, new Utf8()) : makeVector(values),
  ]);
  return new Table({
    row: makeVector(Uint32Array.from({ length: rows }, (_, i) => i)),
    vector,
    ...Object.fromEntries(others),
  });
}
