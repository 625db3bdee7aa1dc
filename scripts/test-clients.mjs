// Official clients, unmodified, against our server: openai, ollama, AI SDK and LangChain for Node.js, openai and
// ollama for Python, and the requests of seekdb's documentation. They are installed into a scratch folder.
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { CrossEncoder, TextEmbedder } from '../dist/index.js';
import { createServer } from '../dist/server/index.js';

const MODEL = 'all-MiniLM-L6-v2';
const TEXTS = ['A cat sleeps.', 'The central bank raised rates.', '猫が眠る。'];
const RERANKER = fileURLToPath(new URL('../test/fixtures/models/tiny-crossencoder', import.meta.url));
const RANKINGS = ['cohere', 'voyage'];
const SAME = 1e-4;

const NODE_CLIENTS = [
  'openai@6',
  'ollama@0.6',
  'ai@6',
  '@ai-sdk/openai-compatible@2',
  '@langchain/openai@1.4',
  '@langchain/core@1',
  'cohere-ai@8',
  'voyageai@0.4',
];
const PYTHON_CLIENTS = ['openai', 'ollama', 'requests'];

const NODE = `
import OpenAI from 'openai';
import { Ollama } from 'ollama';
import { embed, embedMany } from 'ai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { OpenAIEmbeddings } from '@langchain/openai';
import { CohereClientV2 } from 'cohere-ai';
import { VoyageAIClient } from 'voyageai';
const [url, model, json] = process.argv.slice(2);
const texts = JSON.parse(json);
const out = {};
const openai = new OpenAI({ baseURL: url + '/v1', apiKey: 'sk-test' });
const answer = await openai.embeddings.create({ model, input: texts });
out['openai'] = answer.data.map((item) => item.embedding);
const floats = await openai.embeddings.create({ model, input: texts, encoding_format: 'float' });
out['openai float'] = floats.data.map((item) => item.embedding);
out.models = (await openai.models.list()).data.map((item) => item.id);
const wrong = await openai.embeddings.create({ model: 'nope', input: 'a' }).catch((error) => error);
out.refusal = [wrong.constructor.name, wrong.status, wrong.code, wrong.message];
const key = new OpenAI({ baseURL: url + '/v1', apiKey: 'sk-wrong', maxRetries: 0 });
out.key = (await key.embeddings.create({ model, input: 'a' }).catch((error) => error)).constructor.name;
const ollama = new Ollama({ host: url, headers: { authorization: 'Bearer sk-test' } });
out['ollama'] = (await ollama.embed({ model, input: texts })).embeddings;
out['ollama legacy'] = [];
for (const prompt of texts) out['ollama legacy'].push((await ollama.embeddings({ model, prompt })).embedding);
out.tags = (await ollama.list()).models.map((item) => item.name);
out.show = (await ollama.show({ model })).capabilities;
const provider = createOpenAICompatible({ name: 'embedlane', baseURL: url + '/v1', apiKey: 'sk-test' });
const many = await embedMany({ model: provider.textEmbeddingModel(model), values: texts });
out['ai embedMany'] = many.embeddings;
out.usage = many.usage.tokens;
out['ai embed'] = [(await embed({ model: provider.textEmbeddingModel(model), value: texts[0] })).embedding];
const langchain = new OpenAIEmbeddings({ model, apiKey: 'sk-test', configuration: { baseURL: url + '/v1' } });
out['langchain'] = await langchain.embedDocuments(texts);
out['langchain query'] = [await langchain.embedQuery(texts[0])];
const ranking = { model: 'tiny-crossencoder', query: texts[0], documents: texts };
const cohere = new CohereClientV2({ token: 'sk-test', environment: url });
out.cohere = (await cohere.rerank(ranking)).results.map((item) => [item.index, item.relevanceScore]);
const voyage = new VoyageAIClient({ apiKey: 'sk-test', environment: url + '/v1' });
out.voyage = (await voyage.rerank(ranking)).data.map((item) => [item.index, item.relevanceScore]);
console.log(JSON.stringify(out));
`;

const PYTHON = `
import json, sys
import ollama, openai, requests
url, model, texts = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
out = {}
client = openai.OpenAI(base_url=url + '/v1', api_key='sk-test')
out['openai'] = [item.embedding for item in client.embeddings.create(model=model, input=texts).data]
out['openai float'] = [item.embedding for item in client.embeddings.create(model=model, input=texts, encoding_format='float').data]
try:
    client.embeddings.create(model='nope', input='a')
except openai.NotFoundError as error:
    out['refusal'] = [error.status_code, error.code]
host = ollama.Client(host=url, headers={'authorization': 'Bearer sk-test'})
out['ollama'] = host.embed(model=model, input=texts)['embeddings']
out['tags'] = [item.model for item in host.list().models]
key = {'Authorization': 'Bearer sk-test'}
# The two ways of seekdb's documentation.
out['requests legacy'] = [requests.post(url + '/api/embeddings', headers=key, json={'model': model, 'prompt': text}).json()['embedding'] for text in texts]
body = {'input': texts, 'model': model, 'encoding_format': 'float', 'dimensions': 384}
answer = requests.post(url + '/compatible-mode/v1/embeddings', headers=key, json=body).json()
out['requests'] = [item['embedding'][:384] for item in answer['data']]
print(json.dumps(out))
`;

const folder = mkdtempSync(join(tmpdir(), 'embedlane-clients-'));
const server = await createServer({ models: [MODEL, RERANKER], port: 0, apiKeys: ['sk-test'] });
const model = await TextEmbedder.load(MODEL);
try {
  const expected = (await model.encode(TEXTS)).toArrays();
  const node = await runNode();
  check('Node.js', node, expected);
  for (const client of ['cohere', 'voyage']) checkRanking(client, node[client], await rank());
  assert.deepEqual(node.models, [MODEL, 'tiny-crossencoder']);
  assert.deepEqual(node.refusal.slice(0, 3), ['NotFoundError', 404, 'model_not_found']);
  assert.equal(node.key, 'AuthenticationError');
  assert.deepEqual(node.tags, [`${MODEL}:latest`]);
  assert.deepEqual(node.show, ['embedding']);
  assert.equal(
    node.usage,
    (await model.tokenize(TEXTS)).reduce((sum, { ids }) => sum + ids.length, 0),
  );
  const python = await runPython();
  check('Python', python, expected);
  assert.deepEqual(python.refusal, [404, 'model_not_found']);
  assert.deepEqual(python.tags, [`${MODEL}:latest`]);
} finally {
  await Promise.all([server.close(), model.close()]);
  rmSync(folder, { recursive: true, force: true });
}

function runNode() {
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
  writeFileSync(join(folder, 'clients.mjs'), NODE);
  run('npm', ['install', '--no-audit', '--no-fund', '--silent', '--ignore-scripts', ...NODE_CLIENTS]);
  return spawnJson(process.execPath, ['clients.mjs']);
}

function runPython() {
  writeFileSync(join(folder, 'clients.py'), PYTHON);
  const python = join(folder, 'venv', process.platform === 'win32' ? 'Scripts/python' : 'bin/python');
  run('python3', ['-m', 'venv', 'venv']);
  run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...PYTHON_CLIENTS]);
  return spawnJson(python, ['clients.py']);
}

function run(command, args) {
  execFileSync(command, args, { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
}

/** Not execFileSync: the server is in this process. */
async function spawnJson(command, args) {
  const all = [...args, server.url, MODEL, JSON.stringify(TEXTS)];
  const { stdout } = await promisify(execFile)(command, all, { cwd: folder, maxBuffer: 2 ** 26 });
  return JSON.parse(stdout);
}

async function rank() {
  const reranker = await CrossEncoder.load(RERANKER);
  const ranked = await reranker.rank(TEXTS[0], TEXTS, { activation: 'sigmoid' });
  await reranker.close();
  return ranked.map(({ corpusId, score }) => [corpusId, score]);
}

function checkRanking(client, actual, expected) {
  assert.deepEqual(
    actual.map(([index]) => index),
    expected.map(([index]) => index),
    client,
  );
  expected.forEach(([, score], i) => {
    assert(Math.abs(actual[i][1] - score) < SAME, client);
  });
  console.log(`ok: Node.js, ${client}: ${actual.length} documents ranked as by the library`);
}

function check(name, out, expected) {
  for (const [client, rows] of Object.entries(out)) {
    if (!Array.isArray(rows) || !Array.isArray(rows[0]) || RANKINGS.includes(client)) continue;
    rows.forEach((row, i) => {
      assert.equal(row.length, expected[i].length, `${name} ${client}`);
      const most = Math.max(...row.map((value, d) => Math.abs(value - expected[i][d])));
      assert(most < SAME, `${name} ${client}: text ${i} differs by ${most}`);
    });
    console.log(`ok: ${name}, ${client}: ${rows.length} vectors as the library's`);
  }
}
