/** simsimd's pair functions under the names and conventions of embedlane's. */
import simsimd from 'simsimd';

export default {
  dot: simsimd.dot,
  l2: simsimd.euclidean,
  hamming: simsimd.hamming,
  /** It returns the distance, 1 − similarity. */
  cosine: (a, b) => 1 - simsimd.cosine(a, b),
};
