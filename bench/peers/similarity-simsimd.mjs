/** A loop over simsimd's pairs: it has no matrices. */
import simsimd from 'simsimd';
import { pairByPair, serveSimilarity } from '../lib/serve-similarity.mjs';

serveSimilarity(
  pairByPair({
    cosine: (a, b) => 1 - simsimd.cosine(a, b),
    euclidean: (a, b) => -Math.sqrt(simsimd.sqeuclidean(a, b)),
  }),
);
