/**
 * A worker that some rows kill, when they are embedded, parsed, or decoded with their page: killed-worker.mjs QUEUE. Ends with
 * status 0 when there is nothing left to do.
 */
import { JobWorker } from 'embedlane/jobs';

const model = {
  dimensions: 4,
  async encodeDocument(texts) {
    if (texts.some((text) => text.startsWith('kill'))) process.kill(process.pid, 'SIGKILL');
    const data = Float32Array.from(texts.flatMap((text) => [1, text.length, 2, 3]));
    return { data, rows: texts.length, dims: 4 };
  },
};

const { parse } = JSON;
JSON.parse = (text, ...rest) => {
  // What is in the queue, or a note, is about rows and has none.
  if (String(text).includes('"kill the parser"')) process.kill(process.pid, 'SIGKILL');
  return parse(text, ...rest);
};

const { decode } = TextDecoder.prototype;
TextDecoder.prototype.decode = function (...args) {
  const text = decode.apply(this, args);
  if (text === 'kill the decoder') process.kill(process.pid, 'SIGKILL');
  return text;
};

const worker = await JobWorker.start(process.argv[2], { takeover: 1000, loadModel: async () => model });
await worker.drained({ poll: 20 });
await worker.close();
