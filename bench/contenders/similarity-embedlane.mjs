import { similarity } from 'embedlane/vectors';
import { serveSimilarity } from '../lib/serve-similarity.mjs';

serveSimilarity((a, b, metric) => similarity(a, b, { metric }).data);
