import { TextEmbedder } from 'embedlane';

const expected = ['ERR_MODEL_NOT_FOUND', 'npm install embedlane-model-all-minilm-l6-v2'];
const error = await TextEmbedder.load('all-MiniLM-L6-v2').catch((reason) => reason);
console.log(error.code === expected[0] && error.message.includes(expected[1]) ? 'told' : error);
