import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { outcome } from '../outcome.js';
import { fixture } from '../text/goldens.js';
import { modelFolders } from '../text/model-folders.js';
import { cli, startCli, temporaryFolder } from './support.js';

const TINY = fixture('models/tiny-bert-cls');
const folder = await temporaryFolder();
const { variant } = modelFolders();

interface Serving {
  child: ChildProcess;
  url: string;
  ended: ReturnType<typeof outcome>;
}

/** Starts `embedlane serve` and waits until it says where it listens. */
async function serve(args: string[], env: Record<string, string> = {}): Promise<Serving> {
  const child = startCli(['serve', ...args], env);
  const ended = outcome(child);
  const listening = new Promise<string>((resolve) => {
    let printed = '';
    child.stdout?.on('data', (part: Buffer) => {
      printed += part;
      const url = /Listening on (\S+)\n/.exec(printed)?.[1];
      if (url !== undefined) resolve(url);
    });
  });
  const url = await Promise.race([
    listening,
    ended.then(({ code, stderr }) => {
      throw new Error(`serve ended with ${code}: ${stderr}`);
    }),
  ]);
  return { child, url, ended };
}

const embed = (url: string, input: unknown, headers = {}) =>
  fetch(`${url}/v1/embeddings`, {
    ...{ method: 'POST', headers },
    body: JSON.stringify({ model: 'tiny-bert-cls', input, encoding_format: 'base64' }),
  });

describe('embedlane serve', () => {
  it('--warm-up serves no model that cannot take its largest batch', async () => {
    // More tokens than the graph has positions.
    const model = await variant('tiny-bert-cls', { 'sentence_bert_config.json': { max_seq_length: 300 } });
    const { status, stderr } = await cli(['serve', '--model', model, '--port', '0', '--warm-up']);
    expect([status, stderr]).toEqual([1, expect.stringMatching(/bounds.*ERR_RUNTIME/)]);
    const { child, url, ended } = await serve(['--model', TINY, '--port', '0', '--warm-up']);
    expect((await embed(url, 'a text')).status).toBe(200);
    child.kill('SIGTERM');
    expect((await ended).code).toBe(0);
  });

  it('goes on when nobody reads its log any more', async () => {
    const { child, url, ended } = await serve(['--model', TINY, '--port', '0']);
    child.stderr?.destroy();
    for (let i = 0; i < 4; i++) expect((await embed(url, 'a text')).status).toBe(200);
    child.kill('SIGTERM');
    expect((await ended).code).toBe(0);
  });

  it('ends with Ctrl-C while its model is on its way', async () => {
    const silent = createServer();
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as AddressInfo;
    const child = startCli(['serve', '--model', 'org/model', '--port', '0'], {
      ...{ HF_ENDPOINT: `http://127.0.0.1:${port}`, HF_HOME: join(folder, 'hub'), HF_HUB_OFFLINE: '' },
    });
    const ended = outcome(child);
    await once(silent, 'request');
    child.kill('SIGINT');
    expect(await ended).toMatchObject({ code: 130, stdout: '', stderr: 'Interrupted.\n' });
    silent.closeAllConnections();
    silent.close();
  });

  it.each(['SIGTERM', 'SIGINT'] as const)(
    'answers what it has begun when %s comes, and exits with 0',
    async (signal) => {
      const { child, url, ended } = await serve(['--model', TINY, '--port', '0']);
      expect((await fetch(`${url}/ready`)).status).toBe(200);
      let answered = false;
      const pending = embed(url, Array(2000).fill('some words of a longer text')).finally(() => {
        answered = true;
      });
      const active = async () =>
        /requests_active (\d+)/.exec(await (await fetch(`${url}/metrics`)).text())?.[1];
      while (!answered && (await active()) === '0');
      child.kill(signal);
      const answer = await pending;
      expect(answer.status).toBe(200);
      expect(((await answer.json()) as { data: unknown[] }).data).toHaveLength(2000);
      const { code, stderr } = await ended;
      expect(code).toBe(0);
      const lines = stderr.trim().split('\n');
      for (const line of lines) expect(JSON.parse(line)).toBeTypeOf('object');
      expect(stderr).toContain('"texts":2000');
      expect(stderr).not.toContain('some words');
    },
  );

  it('takes a file, the environment before it and flags before both', async () => {
    const config = join(folder, 'config.json');
    await writeFile(
      config,
      JSON.stringify({
        models: [{ id: TINY, aliases: ['mine'] }],
        port: 1,
        maxInputs: 3,
        log: false,
        apiKeys: ['file'],
      }),
    );
    const environment = { EMBEDLANE_API_KEYS: 'one, two', EMBEDLANE_PORT: '2' };
    const { child, url, ended } = await serve(['--config', config, '--port', '0'], environment);
    const key = { authorization: 'Bearer two' };
    expect((await embed(url, 'a')).status).toBe(401);
    expect((await embed(url, 'a', { authorization: 'Bearer file' })).status).toBe(401);
    expect((await embed(url, ['a', 'b', 'c'], key)).status).toBe(200);
    expect((await embed(url, ['a', 'b', 'c', 'd'], key)).status).toBe(400);
    child.kill('SIGTERM');
    expect(await ended).toMatchObject({ code: 0, stderr: '' });
  });

  it.each<[string, string[], number, RegExp, Record<string, string>?]>([
    ['a port that is none', ['--port', '70000'], 2, /70000|65535|port/i],
    ['an unknown flag', ['--prot', '80'], 2, /unknown option/],
    ['a model that is not there', ['--model', './nowhere', '--port', '0'], 1, /ERR_MODEL_NOT_FOUND/],
    ['a port that is no number', [], 2, /port/, { EMBEDLANE_PORT: 'http' }],
    ['a port of a space', ['--model', TINY], 2, /port/, { EMBEDLANE_PORT: ' ' }],
    [
      'keys that are none',
      ['--model', TINY, '--port', '0'],
      2,
      /EMBEDLANE_API_KEYS/,
      { EMBEDLANE_API_KEYS: ' ,\n' },
    ],
    ['no address, which would be all of them', ['--model', TINY, '--port', '0', '--host', ''], 2, /host/],
    ['a file that is not there', ['--config', './nowhere.json'], 1, /nowhere\.json/],
  ])('refuses %s', async (_, args, status, message, env = {}) => {
    const result = await cli(['serve', ...args], { env });
    expect([result.status, result.stdout]).toEqual([status, '']);
    expect(result.stderr).toMatch(message);
  });

  it.each([
    ['no JSON', '{"models":', /JSON/],
    ['an unknown option', '{"modles":[]}', /did you mean 'models'/],
    ['an unknown kind', `{"models":[{"id":"${TINY}","kind":"reranker"}]}`, /kind/],
  ])('refuses a file with %s', async (_, content, message) => {
    const file = join(folder, 'wrong.json');
    await writeFile(file, content);
    const { status, stderr } = await cli(['serve', '--config', file]);
    expect(status).toBe(2);
    expect(stderr).toMatch(message);
  });
});
