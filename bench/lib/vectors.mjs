/**
 * Seeded test vectors: the same in every process, so that nothing has to be sent or stored.
 *
 * They are clustered, as embeddings are: every row is one of 1,000 random directions plus noise, scaled to a norm
 * between 0.5 and 1.5. With independent random rows every score would be about equal and a top-k heap would be
 * updated far more or less often than in real life; with norms of exactly 1, cosine would be dot.
 */

const CLUSTERS = 1000;
const NOISE = 0.8;

/** xorshift32: small, fast, good enough to look random to a dot product. */
function randomBits(seed) {
  let state = seed >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

/** 65,536 normally distributed values to draw from: 20 times faster than computing each draw. */
function gaussianTable() {
  const values = new Float32Array(65536);
  for (let i = 0; i < values.length; i += 2) {
    // Box–Muller over a regular grid of 256 × 128 points instead of random ones.
    const radius = Math.sqrt(-2 * Math.log(((i >> 8) + 0.5) / 256));
    const angle = (2 * Math.PI * (((i & 255) >> 1) + 0.5)) / 128;
    values[i] = radius * Math.cos(angle);
    values[i + 1] = radius * Math.sin(angle);
  }
  return values;
}

const gaussians = gaussianTable();

function centres(dims) {
  const bits = randomBits(77);
  const scale = 1 / Math.sqrt(dims);
  return Float32Array.from({ length: CLUSTERS * dims }, () => gaussians[bits() >>> 16] * scale);
}

/** `rows × dims` values, row-major. The same seed gives the same rows; the clusters are the same for every seed. */
export function clusteredVectors(rows, dims, seed) {
  const middle = centres(dims);
  const bits = randomBits(seed);
  const data = new Float32Array(rows * dims);
  const noise = NOISE / Math.sqrt(dims);
  for (let row = 0; row < rows; row++) {
    const from = (bits() % CLUSTERS) * dims;
    const norm = 0.5 + bits() / 2 ** 32;
    const scale = norm / Math.sqrt(1 + NOISE * NOISE);
    for (let i = 0; i < dims; i++) {
      data[row * dims + i] = scale * (middle[from + i] + noise * gaussians[bits() >>> 16]);
    }
  }
  return data;
}
