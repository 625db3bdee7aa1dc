import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ClipTextSession } from '#dist/clip/lane/text-session.js';
import { openSession } from '#dist/runtime/open-session.js';
import { type TokenBatch, TokenSession } from '#dist/runtime/session.js';

const graph = (name: string) => fileURLToPath(new URL(`../fixtures/graphs/${name}.onnx`, import.meta.url));
const open = (file: string) => TokenSession.open({ file, device: 'cpu', deviceId: 0, threads: 1, spin: 0 });

const DIMS = 4;
/** Rows of the graphs' table, see make.py. */
const row = (id: number) => Array.from({ length: DIMS }, (_, d) => id + d / 8);

/** Two sequences, the second shorter and padded on the left. */
const batch: TokenBatch = {
  batch: 2,
  sequence: 3,
  ids: Int32Array.of(5, 6, 7, 0, 8, 9),
  mask: Uint8Array.of(1, 1, 1, 0, 1, 1),
  typeIds: Int32Array.of(0, 0, 1, 0, 0, 1),
};

describe('a session', () => {
  it('gives one vector per text where the graph has them', async () => {
    const session = await open(graph('sentence_embedding'));
    expect(session.outputs).toEqual([{ name: 'sentence_embedding', rank: 2 }]);
    expect([session.takes('attention_mask'), session.takes('token_type_ids')]).toEqual([true, false]);
    const outputs = await session.run(batch, ['sentence_embedding']);
    const { data, dims } = outputs.textVectors('sentence_embedding');
    expect(dims).toBe(DIMS);
    const sum = (...ids: number[]) => row(0).map((_, d) => ids.reduce((total, id) => total + row(id)[d], 0));
    expect([...data]).toEqual([...sum(5, 6, 7), ...sum(8, 9)]);
    outputs.dispose();
  });

  it('counts positions over tokens, starts with an empty cache, and computes what is asked for', async () => {
    const session = await open(graph('past_key_values'));
    const outputs = await session.run(batch, ['last_hidden_state', 'present.0.key']);
    const expected = [5, 6 + 1, 7 + 2, 0, 8, 9 + 1].flatMap(row);
    expect([...outputs.tokenVectors('last_hidden_state').data]).toEqual(expected);
    expect(outputs.values('present.0.key').shape).toEqual([2, 1, 3, DIMS]);
    outputs.dispose();
    const one = await session.run(batch, ['last_hidden_state']);
    expect(() => one.values('present.0.key')).toThrow();
    one.dispose();
  });

  it('counts positions from behind the padding id where the model does', async () => {
    const session = await TokenSession.open({
      file: graph('past_key_values'),
      paddingPosition: 1,
      device: 'cpu',
      deviceId: 0,
      threads: 1,
      spin: 0,
    });
    // A padding token that a text spells out, 1 within the second row, has padding's position and takes none.
    const ids = Int32Array.of(5, 6, 7, 8, 1, 9, 1, 1);
    const spelled: TokenBatch = {
      batch: 2,
      sequence: 4,
      ids,
      mask: Uint8Array.of(1, 1, 1, 1, 1, 1, 0, 0),
      typeIds: new Int32Array(8),
    };
    const outputs = await session.run(spelled, ['last_hidden_state']);
    const positions = [2, 3, 4, 5, 1, 2, 1, 1];
    const expected = [...ids].flatMap((id, i) => row(id + positions[i]));
    expect([...outputs.tokenVectors('last_hidden_state').data]).toEqual(expected);
    outputs.dispose();
  });

  it("counts the positions of CLIP's texts from 0", async () => {
    const file = graph('text_embeds');
    const opened = await openSession({ file, device: 'cpu', deviceId: 0, threads: 1, spin: 0 });
    const session = new ClipTextSession(opened, {});
    const ids = Int32Array.of(5, 6, 7);
    const one = { batch: 1, sequence: 3, ids, mask: Uint8Array.of(1, 1, 1), typeIds: new Int32Array(3) };
    const outputs = await session.run(one);
    const expected = row(0).map((_, d) => row(5)[d] + row(6)[d] + 1 + row(7)[d] + 2);
    expect([...outputs.textVectors('text_embeds').data]).toEqual(expected);
    outputs.dispose();
  });

  it('gives the memory of outputs back when they are disposed', async () => {
    const session = await open(graph('past_key_values'));
    const outputs = await session.run(batch, ['last_hidden_state', 'present.0.key']);
    const { data } = outputs.tokenVectors('last_hidden_state');
    const key = outputs.values('present.0.key').data;
    const input = batch.ids.slice();
    outputs.dispose();
    expect([data.length, key.length, data.buffer.byteLength]).toEqual([0, 0, 0]);
    expect(batch.ids).toEqual(input);
  });

  it("takes BERT's old input names, 32-bit ids and half-precision outputs", async () => {
    const session = await open(graph('old_names'));
    expect(session.takes('token_type_ids')).toBe(true);
    const outputs = await session.run(batch, ['token_embeddings', 'pooler_output']);
    const expected = [5, 6, 7 + 1, 0, 8, 9 + 1].flatMap(row);
    expect([...outputs.tokenVectors('token_embeddings').data]).toEqual(expected);
    expect([...outputs.values('pooler_output').data]).toEqual([3, 2]);
    outputs.dispose();
  });

  it('refuses outputs of another shape than the caller needs', async () => {
    const session = await open(graph('sentence_embedding'));
    const outputs = await session.run(batch, ['sentence_embedding']);
    expect(() => outputs.tokenVectors('sentence_embedding')).toThrow(
      /output 'sentence_embedding' of shape \[2, 3, dims\].*\[2, 4\]/,
    );
    outputs.dispose();
  });

  it('refuses graphs of one sequence length or of a batch size other than 1', async () => {
    const bytes = (await readFile(graph('one_text'))).toString('latin1');
    // The shape [1, sequence] of the input, whose second dimension is a name of eight bytes.
    const shape = '\x0a\x02\x08\x01\x0a\x0a\x12\x08sequence';
    const at = bytes.indexOf(shape);
    const changed = (to: string) =>
      Buffer.from(bytes.slice(0, at) + to + bytes.slice(at + shape.length), 'latin1');
    const folder = await mkdtemp(join(tmpdir(), 'embedlane-shapes-'));
    try {
      // A number in as many bytes as the name: varints may be padded.
      const fixed = '\x0a\x02\x08\x01\x0a\x0a\x08\xa0\x80\x80\x80\x80\x80\x80\x80\x00';
      await writeFile(join(folder, 'length.onnx'), changed(fixed));
      await writeFile(join(folder, 'batch.onnx'), changed(shape.replace('\x08\x01', '\x08\x04')));
      await expect(open(join(folder, 'length.onnx'))).rejects.toMatchObject({
        code: 'ERR_MODEL_INVALID',
        message: expect.stringMatching(/any sequence length .* 32, which/) as string,
      });
      await expect(open(join(folder, 'batch.onnx'))).rejects.toMatchObject({
        code: 'ERR_MODEL_INVALID',
        message: expect.stringMatching(/'input_ids' of any batch size, or of 1,.* received 4/) as string,
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('refuses graphs that token ids cannot feed', async () => {
    await expect(open(graph('pixels'))).rejects.toMatchObject({
      code: 'ERR_MODEL_INVALID',
      message: expect.stringMatching(/input_ids.*'pixel_values'/) as string,
    });
  });
});

describe('weights in a file of their own', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'embedlane-external-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  /** A copy of the graph with external weights whose location is spelt as `location`, of the same length. */
  async function relocated(location: string): Promise<string> {
    const path = await mkdtemp(join(folder, 'model-'));
    await cp(graph('external'), join(path, 'external.onnx'));
    await cp(`${graph('external')}_data`, join(path, 'external.onnx_data'));
    const bytes = await readFile(join(path, 'external.onnx'));
    bytes.write(location, bytes.indexOf('external.onnx_data'));
    await writeFile(join(path, 'external.onnx'), bytes);
    return join(path, 'external.onnx');
  }

  it('are read', async () => {
    const session = await open(await relocated('external.onnx_data'));
    const outputs = await session.run(batch, ['last_hidden_state']);
    expect([...outputs.tokenVectors('last_hidden_state').data]).toEqual([5, 6, 7, 0, 8, 9].flatMap(row));
    outputs.dispose();
  });

  it.each([
    ['above the folder of the graph', '../ternal.onnx_dat'],
    ['at an absolute path', '/etc/ssl/cert/data'],
    ['that is missing', 'nowhere.onnx__data'],
  ])('are refused %s', async (_, location) => {
    expect(location).toHaveLength('external.onnx_data'.length);
    await expect(open(await relocated(location))).rejects.toMatchObject({
      code: 'ERR_MODEL_INVALID',
      message: expect.stringMatching(/onnxruntime refused it: .*external data/i) as string,
    });
  });
});
