// A search service: node examples/search-service.mjs <folder> [port]
//   curl 'http://127.0.0.1:8080/search?q=is+the+result+exact&k=3'
import { createServer } from 'node:http';
import { EmbedlaneError } from 'embedlane';
import { openPassages } from './passages.mjs';

const [folder = 'docs', port = '8080', where = '.embedlane/search-service'] = process.argv.slice(2);
const { store, close } = await openPassages(folder, where);

/** Which errors are the client's, and which ask it to come again. */
const STATUS = { ERR_INVALID_ARG: 400, ERR_OVERLOADED: 503, ERR_TIMEOUT: 503 };

const server = createServer(async (request, response) => {
  const answer = (status, body) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  const url = new URL(request.url, 'http://localhost');
  if (url.pathname !== '/search') return answer(404, { error: 'Expected /search?q=…' });
  const question = url.searchParams.get('q');
  if (!question) return answer(400, { error: 'Expected a question as q' });

  // What nobody waits for any more is not computed.
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  try {
    const k = Number(url.searchParams.get('k') ?? 3);
    const hits = await store.search(question, { k, signal: gone.signal });
    answer(200, {
      hits: hits.map(({ score, document, metadata }) => ({ score, ...metadata, text: document })),
    });
  } catch (error) {
    if (gone.signal.aborted) return;
    const status = (error instanceof EmbedlaneError && STATUS[error.code]) || 500;
    answer(status, { error: status === 400 ? error.message : 'The search failed' });
  }
});

server.listen(Number(port), '127.0.0.1', () =>
  console.log(`http://127.0.0.1:${server.address().port}/search?q=…`),
);
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => server.close(() => close()));
}
