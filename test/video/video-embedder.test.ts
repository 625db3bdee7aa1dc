import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { ClipEmbedder, ImageEmbedder, VideoEmbedder } from 'embedlane';
import { cosine } from 'embedlane/vectors';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sampleFrames } from '#dist/video/frames/sampling.js';
import { largestDifference } from '../audio/support.js';
import { fixture } from '../text/goldens.js';
import {
  FILMS,
  film,
  golden,
  hasFfmpeg,
  makeFilm,
  readBytes,
  readFloats,
  sameFfmpeg,
  storedFrames,
  TINY_CLIP,
  TINY_PERCEIVER,
} from './support.js';

const code = (expected: string) => expect.objectContaining({ name: 'EmbedlaneError', code: expected });
const [MP4, WEBM] = FILMS;
/** From the file with another ffmpeg, colours may be a few levels off. */
const CLOSE = sameFfmpeg ? 0.99999 : 0.99;

let folder: string;
let clip: ClipEmbedder;
let model: VideoEmbedder;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'embedlane-test-'));
  clip = await ClipEmbedder.load(TINY_CLIP);
  model = await VideoEmbedder.load(clip);
});
afterAll(async () => {
  await clip?.close();
  await rm(folder, { recursive: true, force: true });
});

async function times(source: string, sampling: object): Promise<number[]> {
  const found: number[] = [];
  for await (const { frame, times } of sampleFrames(source, sampling as never, {})) {
    for (let i = 0; i < times; i++) found.push(frame.time);
  }
  return found;
}

describe('VideoEmbedder on frames that are there', () => {
  it.each(FILMS)('embeds and pools as Python does: %s', async (name) => {
    const frames = storedFrames(name);
    const wanted = golden.clips[name].samples[16]['tiny-clip'];
    const [film] = await model.encodeFrames({ frames, times: frames.map((_, i) => i / 2) });
    expect(film.times).toEqual(frames.map((_, i) => i / 2));
    expect(
      largestDifference(film.embeddings.data, readFloats(wanted.frame_embeddings?.file ?? '')),
    ).toBeLessThan(1e-5);
    const mean = await model.encode({ frames });
    expect(largestDifference(mean.row(0), readFloats(wanted.mean.file))).toBeLessThan(1e-5);
    const unit = await model.encode({ frames }, { normalize: true });
    expect(largestDifference(unit.row(0), readFloats(wanted.mean_l2.file))).toBeLessThan(1e-5);
    const alike = await model.encode({ frames }, { normalize: true, normalizeFrames: true });
    expect(largestDifference(alike.row(0), readFloats(wanted.mean_of_normalized_l2.file))).toBeLessThan(1e-5);
    const max = await model.encode({ frames }, { pooling: 'max' });
    const columns = Array.from({ length: 16 }, (_, d) =>
      Math.max(...film.embeddings.toArrays().map((row) => row[d])),
    );
    expect([...max.row(0)]).toEqual(columns);
  });

  it('finds moments by words, as CLIP would among the frames', async () => {
    const films = await model.encodeFrames(FILMS.map((name) => ({ frames: storedFrames(name) })));
    const questions = ['a red car', 'a test picture'];
    const words = await clip.encodeText(questions);
    const all = films.flatMap(({ embeddings, times }, video) =>
      times.map((time, frame) => ({ video, frame, time, row: embeddings.row(frame) })),
    );
    const found = await model.search(questions, films, { k: 3 });
    found.forEach((moments, q) => {
      const best = all
        .map(({ row, ...place }) => ({
          ...place,
          score: cosine(row as Float32Array, words.row(q) as Float32Array),
        }))
        .sort((a, b) => b.score - a.score || a.video - b.video || a.frame - b.frame)
        .slice(0, 3);
      expect(moments.map(({ score, ...place }) => place)).toEqual(best.map(({ score, ...place }) => place));
      moments.forEach(({ score }, i) => {
        expect(score).toBeCloseTo(best[i].score, 6);
      });
    });
    expect(await model.search('x', films[1], { k: 1000 })).toMatchObject([{ length: 16 }]);
    expect(await model.search('x', [])).toEqual([[]]);
  });

  it('refuses what does not fit, naming it', async () => {
    const frames = storedFrames(WEBM);
    const inputs = [3, null, '', 'a\0b', {}, [undefined], new Uint8Array(0), { frames: [] }] as never[];
    for (const input of inputs) await expect(model.encode(input)).rejects.toThrow(code('ERR_INVALID_ARG'));
    for (const more of [
      { times: [1] },
      { times: frames.map(() => Number.NaN) },
      { audio: { samples: [1] } },
    ]) {
      await expect(model.encode({ frames, ...more } as never)).rejects.toThrow(code('ERR_INVALID_ARG'));
    }
    await expect(model.encode({ frames: [{ ...frames[0], width: 5 }] })).rejects.toThrow(
      expect.objectContaining({
        code: 'ERR_IMAGE',
        message: expect.stringContaining('inputs.frames[0]') as string,
      }),
    );
    for (const options of [
      { frames: {} },
      { frames: { count: 0 } },
      { frames: { count: 1, fps: 2 } },
      { frames: { fps: 0 } },
      { frames: { scenes: 2 } },
      { frames: 8 },
      { pooling: 'sum' },
      { normalise: true },
      { every: 1 },
    ] as never[]) {
      await expect(model.encode([], options), JSON.stringify(options)).rejects.toThrow(
        code('ERR_INVALID_ARG'),
      );
    }
    for (const films of [undefined, null, [{}], [null], new Array(2)] as never[]) {
      await expect(model.search('x', films)).rejects.toThrow(code('ERR_INVALID_ARG'));
    }
    await expect(model.search('x', [], { k: 0 })).rejects.toThrow(code('ERR_INVALID_ARG'));
    await expect(model.encodeLatents([])).rejects.toThrow(code('ERR_INVALID_ARG'));
    await expect(model.classify([])).rejects.toThrow(code('ERR_INVALID_ARG'));
    await expect(model.classify([], null as never)).rejects.toThrow(code('ERR_INVALID_ARG'));
    await expect(VideoEmbedder.load(3 as never)).rejects.toThrow(code('ERR_INVALID_ARG'));
    await expect(VideoEmbedder.load(clip, { ffmpegTimeout: 0 })).rejects.toThrow(code('ERR_INVALID_ARG'));
    await expect(VideoEmbedder.load(join(folder, 'none'))).rejects.toThrow(code('ERR_MODEL_NOT_FOUND'));
    expect((await model.encode([])).rows).toBe(0);
  });

  it('leaves a model open that it was given, and closes its own', async () => {
    const images = await ImageEmbedder.load('efficientnet-lite0');
    const own = await VideoEmbedder.load(images);
    expect([own.modelId, own.dimensions, own.kind]).toEqual(['efficientnet-lite0', 1280, 'frames']);
    await expect(own.encodeText('a')).rejects.toThrow(/CLIP/);
    await own.close();
    await expect(own.encode({ frames: storedFrames(WEBM) })).rejects.toThrow(code('ERR_CLOSED'));
    expect((await images.encode(storedFrames(WEBM)[0])).rows).toBe(1);
    await images.close();
    const loaded = await VideoEmbedder.load(TINY_CLIP);
    expect([loaded.modelId, loaded.dimensions]).toEqual([TINY_CLIP, 16]);
    await loaded.close();
    await loaded.close();
  });
});

describe.skipIf(!hasFfmpeg)('VideoEmbedder on files', () => {
  it.each(FILMS)('takes the frames of the goldens: %s', async (name) => {
    const stored = storedFrames(name);
    let i = 0;
    for await (const { frame, times } of sampleFrames(film(name), { count: 16 }, {})) {
      for (let n = 0; n < times; n++, i++) {
        expect([frame.width, frame.height]).toEqual([stored[i].width, stored[i].height]);
        if (sameFfmpeg) expect(Buffer.compare(frame.data, stored[i].data)).toBe(0);
        else
          expect(cosine(Float32Array.from(frame.data), Float32Array.from(stored[i].data))).toBeGreaterThan(
            0.99,
          );
      }
    }
    expect(i).toBe(16);
  });

  it('embeds paths and bytes, with CLIP and with a model of pictures alone', async () => {
    for (const name of FILMS) {
      const wanted = golden.clips[name].samples;
      const [one] = (await model.encode(film(name), { frames: { count: 1 } })).toArrays();
      expect(cosine(Float32Array.from(one), readFloats(wanted[1]['tiny-clip'].mean.file))).toBeGreaterThan(
        CLOSE,
      );
    }
    const bytes = readFileSync(film(MP4));
    const both = await model.encode([film(MP4), bytes], { frames: { count: 8 } });
    expect(both.row(1)).toEqual(both.row(0));
    const eight = golden.clips[MP4].samples[8]['tiny-clip'];
    expect(cosine(both.row(0) as Float32Array, readFloats(eight.mean.file))).toBeGreaterThan(CLOSE);
    const images = await VideoEmbedder.load('efficientnet-lite0');
    const vectors = await images.encode(FILMS.map(film), { frames: { count: 16 }, normalize: true });
    FILMS.forEach((name, i) => {
      const wanted = golden.clips[name].samples[16]['efficientnet-lite0'].mean_l2.file;
      expect(cosine(vectors.row(i) as Float32Array, readFloats(wanted))).toBeGreaterThan(CLOSE);
    });
    await images.close();
  });

  it('takes frames evenly, by the second, and at changes of scene', async () => {
    expect(await times(film(MP4), { count: 4 })).toEqual([0.36, 1.12, 1.84, 2.6]);
    expect(await times(film(WEBM), { count: 16 })).toHaveLength(16);
    expect(await times(film(MP4), { fps: 2 })).toEqual([0, 0.5, 1, 1.5, 2, 2.5]);
    expect(await times(film(MP4), { fps: 0.01 })).toEqual([0]);
    const color = (name: string) => ['-f', 'lavfi', '-i', `color=${name}:s=64x48:r=10:d=1`];
    const scenes = makeFilm(
      join(folder, 'scenes.mp4'),
      ...[...color('red'), ...color('blue'), ...color('white')],
      ...['-filter_complex', '[0][1][2]concat=n=3'],
    );
    expect(await times(scenes, { scenes: 0.2 })).toEqual([0, 1, 2]);
  });

  it('looks frames of a long film up instead of decoding all of it', async () => {
    const args = ['-f', 'lavfi', '-i', 'testsrc=s=32x32:r=2:d=600', '-g', '40'];
    const long = makeFilm(join(folder, 'long.mp4'), ...args);
    expect(await times(long, { count: 6 })).toEqual([50, 150, 250, 350, 450, 550]);
  });

  it('turns frames as the film says', async () => {
    const path = join(folder, 'turned.mp4');
    if (sameFfmpeg) makeFilm(path, '-i', film(MP4), '-c', 'copy', '-metadata:s:v', 'rotate=90');
    else makeFilm(path, '-display_rotation', '90', '-i', film(MP4), '-c', 'copy');
    for await (const { frame } of sampleFrames(path, { count: 1 }, {})) {
      expect([frame.width, frame.height]).toEqual([120, 160]);
    }
  });

  it('leaves the event loop free, reports progress and can be aborted', async () => {
    const big = makeFilm(
      join(folder, 'big.mp4'),
      '-f',
      'lavfi',
      '-i',
      'testsrc=s=1280x720:r=30:d=3',
      '-preset',
      'ultrafast',
    );
    const delay = monitorEventLoopDelay({ resolution: 1 });
    const seen: number[] = [];
    delay.enable();
    await model.encode([big, film(WEBM)], {
      frames: { fps: 4 },
      onProgress: ({ completed }) => seen.push(completed),
    });
    delay.disable();
    expect(seen).toEqual([1, 2]);
    expect(delay.percentile(50) / 1e6).toBeLessThan(50);
    const stop = new AbortController();
    const stopped = model.encode(big, { frames: { fps: 240 }, signal: stop.signal });
    setTimeout(() => stop.abort(new Error('enough')), 300);
    await expect(stopped).rejects.toThrow(code('ERR_ABORTED'));
    await expect(model.encode(big, { signal: AbortSignal.abort() })).rejects.toThrow(code('ERR_ABORTED'));
  });
});

describe('VideoEmbedder with a multimodal Perceiver', () => {
  let perceiver: VideoEmbedder;
  beforeAll(async () => {
    perceiver = await VideoEmbedder.load(TINY_PERCEIVER);
  });
  afterAll(() => perceiver?.close());

  it('gives the latents of transformers for stored frames and sound', async () => {
    expect([perceiver.kind, perceiver.dimensions]).toEqual(['clips', 32]);
    const wanted = golden.perceiver;
    const pixels = readBytes(wanted.image_pixels.file);
    const frames = Array.from({ length: 16 }, (_, i) => ({
      data: new Uint8Array(pixels.subarray(i * 3072, (i + 1) * 3072)),
      ...{ width: 32, height: 32, channels: 3 as const },
    }));
    const input = { frames, audio: { samples: readFloats(wanted.audio.file), sampleRate: 4800 } };
    const [latents] = await perceiver.encodeLatents(input);
    expect([latents.rows, latents.dims]).toEqual([16, 32]);
    expect(largestDifference(latents.data, readFloats(wanted.last_hidden_state.file))).toBeLessThan(1e-4);
    const [vector] = await perceiver.encode(input);
    expect(largestDifference(vector, readFloats(wanted.embedding.file))).toBeLessThan(1e-4);
    const [labels] = await perceiver.classify(input, { topK: 10 });
    const logits = readFloats(wanted.label_logits.file);
    const order = Array.from(logits.keys()).sort((a, b) => logits[b] - logits[a]);
    expect(labels.map(({ index }) => index)).toEqual(order);
    expect(labels[0].label).toBe(`LABEL_${order[0]}`);
    const sum = logits.reduce((total, logit) => total + Math.exp(logit - logits[order[0]]), 0);
    expect(labels[0].score).toBeCloseTo(1 / sum, 5);
    // Two clips: the sound goes on with the pictures, and a third of a clip repeats its last frame.
    const [two] = await perceiver.encodeFrames({ frames: [...frames, ...frames.slice(0, 5)] });
    expect([two.embeddings.rows, two.times]).toEqual([2, [0, 16]]);
  });

  it.skipIf(!hasFfmpeg)('takes pictures and sound from a file', async () => {
    const [vector] = await perceiver.encode(film(MP4));
    expect(cosine(vector as Float32Array, readFloats(golden.perceiver.embedding.file))).toBeGreaterThan(
      CLOSE,
    );
    const [clips] = await perceiver.encodeFrames(film(MP4), { every: 1 });
    expect(clips.times).toEqual([0, 1, 2]);
    expect(clips.embeddings.row(0)).toEqual(vector);
    // Without sound, and with fewer frames than a clip has.
    expect((await perceiver.encode(film(WEBM))).row(0).every(Number.isFinite)).toBe(true);
  });

  it('tells a graph that asks which points to decode: one', async () => {
    const points = await VideoEmbedder.load(fixture('graphs/perceiver_points'));
    const frame = (value: number) => ({
      data: new Uint8Array(48).map((_, i) => (i % 3 === 1 ? value : 0)),
      ...{ width: 4, height: 4, channels: 3 as const },
    });
    const [latents] = await points.encodeLatents({ frames: [frame(255), frame(51)] });
    const wanted = Array.from({ length: 4 }, () => [1, 1.6, 1]).flat();
    expect(largestDifference(latents.data, wanted)).toBeLessThan(1e-6);
    await expect(points.classify({ frames: [frame(0)] })).rejects.toThrow(code('ERR_MODEL_INVALID'));
    await points.close();
  });

  it('refuses what is not for it', async () => {
    await expect(perceiver.encode([], { frames: { count: 1 } })).rejects.toThrow(code('ERR_INVALID_ARG'));
    await expect(perceiver.encode([], { every: 0 })).rejects.toThrow(code('ERR_INVALID_ARG'));
    await expect(perceiver.encodeText('a')).rejects.toThrow(code('ERR_INVALID_ARG'));
    const broken = await VideoEmbedder.load(TINY_PERCEIVER);
    await broken.close();
    await expect(broken.encode(film(MP4))).rejects.toThrow(code('ERR_CLOSED'));
  });
});
