/** Cosine of the angle between two vectors; 0 if one of them has no length. */
export function cosine(a, b) {
  let [dot, left, right] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    dot += a[i] * b[i];
    left += a[i] * a[i];
    right += b[i] * b[i];
  }
  return dot / (Math.sqrt(left * right) || 1);
}

/** All pairs `{ a, b, score }` with a < b, most similar first; ties in their order. */
export function nearestPairs(vectors, most) {
  const pairs = [];
  for (let a = 0; a < vectors.length; a++) {
    for (let b = a + 1; b < vectors.length; b++) pairs.push({ a, b, score: cosine(vectors[a], vectors[b]) });
  }
  return pairs.sort((p, q) => q.score - p.score || p.a - q.a || p.b - q.b).slice(0, most);
}

const STEPS = 500;
const PRECISION = 1e-12;

/**
 * Coordinates along the two directions in which the vectors differ most (principal component analysis), found by
 * power iteration on the matrix of their inner products, which is small for few vectors of many dimensions.
 *
 * @returns `points`, [x, y] each, and `explained`, the shares of the variance that x and y stand for
 */
export function principalPlane(vectors) {
  const gram = centredProducts(vectors);
  const total = gram.reduce((sum, row, i) => sum + row[i], 0);
  const points = vectors.map(() => []);
  const explained = [];
  for (let axis = 0; axis < 2; axis++) {
    const { value, vector } = largest(gram);
    vector.forEach((component, i) => {
      points[i].push(component * Math.sqrt(value));
      // What is left is at right angles to what has been found.
      for (let j = 0; j < vector.length; j++) gram[i][j] -= value * component * vector[j];
    });
    explained.push(total > 0 ? value / total : 0);
  }
  return { points, explained };
}

function centredProducts(vectors) {
  const count = vectors.length;
  const dims = vectors[0]?.length ?? 0;
  const mean = new Float64Array(dims);
  for (const vector of vectors) for (let d = 0; d < dims; d++) mean[d] += vector[d] / count;
  const centred = vectors.map((vector) => Float64Array.from(vector, (value, d) => value - mean[d]));
  return centred.map((a) =>
    Float64Array.from(centred, (b) => a.reduce((sum, value, d) => sum + value * b[d], 0)),
  );
}

/** The largest eigenvalue of a matrix without negative ones, and its vector of length 1. */
function largest(matrix) {
  // No symmetry of the data can be at right angles to a start like this.
  let vector = matrix.map((_, i) => Math.sin(i + 1));
  let value = 0;
  for (let step = 0; step < STEPS; step++) {
    const next = matrix.map((row) => row.reduce((sum, entry, j) => sum + entry * vector[j], 0));
    const length = Math.hypot(...next);
    if (length < PRECISION) return { value: 0, vector: vector.map(() => 0) };
    const settled = Math.abs(length - value) <= PRECISION * length && step > 10;
    value = length;
    vector = next.map((entry) => entry / length);
    if (settled) break;
  }
  return { value, vector };
}
