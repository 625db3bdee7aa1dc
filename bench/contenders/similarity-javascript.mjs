import { javascript } from '../lib/javascript.mjs';
import { pairByPair, serveSimilarity } from '../lib/serve-similarity.mjs';

serveSimilarity(pairByPair({ cosine: javascript.cosine, euclidean: (a, b) => -javascript.l2(a, b) }));
