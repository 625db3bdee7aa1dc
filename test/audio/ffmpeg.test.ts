import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { AudioEmbedder } from 'embedlane';
import { cosine } from 'embedlane/vectors';
import { describe, expect, it } from 'vitest';
import { openAudio } from '#dist/audio/decode/open.js';
import { running, surroundings } from '../fake-ffmpeg.js';
import { childrenOf, hasProc, startProgram } from '../text/processes.js';
import { collect, MODEL, sound } from './support.js';

const hasFfmpeg = spawnSync('ffmpeg', ['-version']).status === 0;
if (!hasFfmpeg) console.warn('SKIPPED: ffmpeg is not on the PATH, so decoding through it is not tested');

const audioError = (message: RegExp) =>
  expect.objectContaining({ code: 'ERR_AUDIO', message: expect.stringMatching(message) as string });

const { path: at, fakeFfmpeg, hideFfmpeg, leftovers } = surroundings();

describe.skipIf(!hasFfmpeg)('audio through ffmpeg', () => {
  const make = (name: string, ...args: string[]) => {
    const path = at(name);
    execFileSync('ffmpeg', ['-v', 'error', '-y', ...args, `file:${path}`]);
    return path;
  };

  it.each(['m4a', 'webm', 'opus', 'aiff'])('decodes %s from a path and from bytes', async (suffix) => {
    const source = sound('speech_5s_16k.flac');
    const path = make(`speech.${suffix}`, '-i', source, ...(suffix === 'm4a' ? [] : ['-ar', '48000']));
    const samples = await collect(openAudio(path));
    expect(await collect(openAudio(readFileSync(path)))).toEqual(samples);
    expect(leftovers()).toEqual([]);
    if (suffix === 'aiff') return;
    // Lossy, and with a little silence before or after: the loudness over time must be that of the original.
    const loudness = (x: Float32Array) =>
      Float32Array.from({ length: 50 }, (_, i) => {
        const part = x.subarray((i * x.length) / 50, ((i + 1) * x.length) / 50);
        return Math.sqrt(part.reduce((sum, value) => sum + value * value, 0) / part.length);
      });
    expect(cosine(loudness(samples), loudness(await collect(openAudio(source))))).toBeGreaterThan(0.95);
  });

  it.each(['pcm_alaw', 'pcm_mulaw', 'adpcm_ima_wav'])('decodes a WAV file of %s', async (codec) => {
    const source = sound('tone_1s_16k_s16.wav');
    const samples = await collect(openAudio(make(`${codec}.wav`, '-i', source, '-c:a', codec)));
    const original = (await collect(openAudio(source))).subarray(0, samples.length);
    expect(cosine(samples.subarray(0, original.length), original)).toBeGreaterThan(0.99);
  });

  it('takes hostile names for names', async () => {
    for (const name of ['-i.m4a', 'a;touch b.m4a', 'concat:x.m4a', '$(id) "x".m4a']) {
      expect(
        (await collect(openAudio(make(name, '-i', sound('tone_1s_16k_s16.wav'))))).length,
      ).toBeGreaterThan(0);
    }
  });

  it('refuses text, playlists and films without sound', async () => {
    const text = at('words.wav');
    writeFileSync(text, 'This is no sound at all.\n'.repeat(100));
    await expect(collect(openAudio(text))).rejects.toThrow(audioError(/ffmpeg/));
    const list = at('list.m3u8');
    const entry = `#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:1,\n${sound('tone_1s_16k_s16.wav')}\n#EXT-X-ENDLIST\n`;
    writeFileSync(list, entry);
    await expect(collect(openAudio(list))).rejects.toThrow(audioError(/ffmpeg/));
    const film = make('silent.mp4', '-f', 'lavfi', '-i', 'color=s=32x32:d=1');
    await expect(collect(openAudio(film))).rejects.toThrow(audioError(/without audio/));
  });

  it('ends ffmpeg when nobody listens any more', async () => {
    const path = make('long.mka', '-f', 'lavfi', '-i', 'sine=duration=300', '-c:a', 'pcm_s16le');
    for await (const { samples } of openAudio(path)) {
      expect(samples.length).toBeGreaterThan(0);
      break;
    }
    expect(running(path)).toEqual([]);
  });
});

describe('without a working ffmpeg', () => {
  const unknown = Buffer.from('....ftypM4A and more');

  it('says what is missing', async () => {
    hideFfmpeg();
    await expect(collect(openAudio(unknown))).rejects.toThrow(audioError(/ffmpeg on the PATH.*ENOENT/));
  });

  it('reports one that dies, with its words', async () => {
    fakeFfmpeg('echo "out of luck" >&2; exit 3');
    await expect(collect(openAudio(unknown))).rejects.toThrow(audioError(/out of luck/));
    fakeFfmpeg('kill -9 $$');
    await expect(collect(openAudio(unknown))).rejects.toThrow(audioError(/ffmpeg/));
    expect(leftovers()).toEqual([]);
  });

  it('ends one that hangs, with the call that is aborted or by itself', async () => {
    const sleep = `sleep 600.${process.pid}`;
    fakeFfmpeg(`exec ${sleep}`);
    await expect(collect(openAudio(unknown, { patience: 500 }))).rejects.toThrow(
      audioError(/no answer.*0.5 s/),
    );
    expect(running(sleep)).toEqual([]);
    // The process of the model finds the same programs.
    await using model = await AudioEmbedder.load(MODEL);
    const stop = new AbortController();
    const call = model.encode(unknown, { signal: stop.signal });
    await expect.poll(() => running(sleep), { timeout: 20_000 }).toHaveLength(1);
    stop.abort();
    await expect(call).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    await expect.poll(() => running(sleep), { timeout: 20_000 }).toEqual([]);
    expect((await model.encode(sound('tone_1s_16k_s16.wav'))).rows).toBe(1);
    expect(leftovers()).toEqual([]);
  });

  it('ends one that hangs with the model that is closed', async () => {
    const sleep = `sleep 601.${process.pid}`;
    fakeFfmpeg(`exec ${sleep}`);
    const model = await AudioEmbedder.load(MODEL);
    const call = model.encode(unknown).catch((error: unknown) => error);
    await expect.poll(() => running(sleep), { timeout: 20_000 }).toHaveLength(1);
    await model.close();
    expect(await call).toMatchObject({ code: 'ERR_CLOSED' });
    await expect.poll(() => running(sleep), { timeout: 20_000 }).toEqual([]);
    expect(leftovers()).toEqual([]);
  });

  it('ends one that hangs with a lane that is a thread', async () => {
    const sleep = `sleep 604.${process.pid}`;
    fakeFfmpeg(`exec ${sleep}`);
    const model = await AudioEmbedder.load(MODEL, { isolation: 'thread' });
    const call = model.encode(unknown).catch((error: unknown) => error);
    await expect.poll(() => running(sleep), { timeout: 20_000 }).toHaveLength(1);
    await model.close();
    expect(await call).toMatchObject({ code: 'ERR_CLOSED' });
    await expect.poll(() => running(sleep), { timeout: 20_000 }).toEqual([]);
  });

  it.each(['process.exit()', 'throw new Error("end")'])(
    'ends one that hangs with a program that has a lane in a thread: %s',
    async (end) => {
      const sleep = `sleep 605.${process.pid}`;
      fakeFfmpeg(`echo started > ${at('started')}; exec ${sleep}`);
      rmSync(at('started'), { force: true });
      const source = `
        import { existsSync } from 'node:fs';
        import { AudioEmbedder } from '#dist/audio/index.js';
        const model = await AudioEmbedder.load(${JSON.stringify(MODEL)}, { isolation: 'thread' });
        model.encode(Buffer.from(${JSON.stringify(unknown.toString())})).catch(() => {});
        setInterval(() => { if (existsSync(${JSON.stringify(at('started'))})) ${end}; }, 20);`;
      spawnSync(process.execPath, ['--input-type=module', '-e', source]);
      expect(existsSync(at('started'))).toBe(true);
      await expect.poll(() => running(sleep), { timeout: 20_000 }).toEqual([]);
    },
  );

  it.runIf(hasProc)(
    'ends one that hangs with a lane that dies, and with a program that is killed',
    async () => {
      const sleep = `sleep 602.${process.pid}`;
      fakeFfmpeg(`exec ${sleep}`);
      const program = await startProgram(`
      import { AudioEmbedder } from '#dist/audio/index.js';
      const model = await AudioEmbedder.load(${JSON.stringify(MODEL)});
      model.encode(Buffer.from(${JSON.stringify(unknown.toString())})).catch(() => {});
      console.log('ready');
      await seen;
      await new Promise(() => {});`);
      await expect.poll(() => running(sleep), { timeout: 20_000 }).toHaveLength(1);
      process.kill(program.lanes[0], 'SIGKILL');
      // The work is tried again in another process, with another ffmpeg.
      await expect
        .poll(() => childrenOf(program.child.pid as number).filter((pid) => pid !== program.lanes[0]))
        .toHaveLength(1);
      await expect.poll(() => running(sleep), { timeout: 20_000 }).toHaveLength(1);
      program.child.kill('SIGKILL');
      await expect.poll(() => running(sleep), { timeout: 20_000 }).toEqual([]);
    },
  );
});
