import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { ClipEmbedder, VideoEmbedder } from 'embedlane';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sound } from '../audio/support.js';
import { running, surroundings } from '../fake-ffmpeg.js';
import { startProgram } from '../text/processes.js';
import { film, hasFfmpeg, makeFilm, TINY_CLIP, videoError } from './support.js';

const { path, fakeFfmpeg, hideFfmpeg, leftovers } = surroundings();
let clip: ClipEmbedder;
let model: VideoEmbedder;
beforeAll(async () => {
  clip = await ClipEmbedder.load(TINY_CLIP);
  model = await VideoEmbedder.load(clip);
});
afterAll(() => clip?.close());

describe.skipIf(!hasFfmpeg)('films that cannot be used', () => {
  it('says so, with the name of the file', async () => {
    const text = path('words.mp4');
    writeFileSync(text, 'This is no film at all.\n'.repeat(100));
    await expect(model.encode([film('short_vp9.webm'), text])).rejects.toThrow(videoError(/words\.mp4/));
    const list = path('list.m3u8');
    writeFileSync(
      list,
      `#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:1,\n${film('short_vp9.webm')}\n#EXT-X-ENDLIST\n`,
    );
    await expect(model.encode(list)).rejects.toThrow(videoError(/list\.m3u8/));
    await expect(model.encode(path('none.mp4'))).rejects.toThrow(videoError(/No such file/));
    await expect(model.encode(path('bin'))).rejects.toThrow(videoError(/ffmpeg/));
    const half = path('half.mp4');
    writeFileSync(half, readFileSync(film('clip_h264_aac.mp4')).subarray(0, 50_000));
    await expect(model.encode(half)).rejects.toThrow(videoError(/ffmpeg/));
  });

  it('says that a sound has no pictures, with a cover or without', async () => {
    await expect(model.encode(sound('tone_1s_16k_s16.wav'))).rejects.toThrow(videoError(/without pictures/));
    await expect(model.encode(readFileSync(sound('tone_1s_16k_s16.wav')))).rejects.toThrow(
      videoError(/inputs\[0\].*without pictures/),
    );
    const cover = makeFilm(
      path('cover.mp3'),
      ...['-i', sound('tone_1s_16k_s16.wav'), '-f', 'lavfi', '-i', 'color=red:s=16x16:d=1'],
      ...['-map', '0', '-map', '1', '-frames:v', '1', '-c:v', 'png', '-disposition:v', 'attached_pic'],
    );
    await expect(model.encode(cover)).rejects.toThrow(videoError(/without pictures/));
  });

  it('takes hostile names for names', async () => {
    const plain = await model.encode(film('short_vp9.webm'), { frames: { count: 1 } });
    for (const name of ['-i.webm', "a;touch b'.webm", 'concat:x.webm', '$(id) "x".webm', '%03d.webm']) {
      const hostile = path(name);
      writeFileSync(hostile, readFileSync(film('short_vp9.webm')));
      expect((await model.encode(hostile, { frames: { count: 1 } })).row(0)).toEqual(plain.row(0));
    }
    expect(readdirSync(path(''))).not.toContain('b');
  });

  it('ends ffmpeg with the call that is aborted', async () => {
    const long = makeFilm(
      path('long.mp4'),
      '-f',
      'lavfi',
      '-i',
      'testsrc=s=640x480:r=30:d=6',
      '-preset',
      'ultrafast',
    );
    for (const input of [long, readFileSync(long)]) {
      const stop = new AbortController();
      const call = model.encode(input, { frames: { fps: 240 }, signal: stop.signal });
      setTimeout(() => stop.abort(), 400);
      await expect(call).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    }
    await expect.poll(() => running(long)).toEqual([]);
    expect(leftovers()).toEqual([]);
  });
});

describe.skipIf(!hasFfmpeg)('an older ffmpeg', () => {
  it('is told in its own words', async () => {
    const wanted = await model.encode(film('clip_h264_aac.mp4'), { frames: { count: 4 } });
    const real = execFileSync('sh', ['-c', 'command -v ffmpeg'], { encoding: 'utf8' }).trim();
    const refused = '[fatal] Error splitting the argument list: Option not found';
    fakeFfmpeg(`case "$*" in *fps_mode*) echo '${refused}' >&2; exit 1;; esac\nexec ${real} "$@"`);
    expect(await model.encode(film('clip_h264_aac.mp4'), { frames: { count: 4 } })).toEqual(wanted);
  });
});

describe('without a working ffmpeg', () => {
  it('says what is missing', async () => {
    hideFfmpeg();
    await expect(model.encode(film('short_vp9.webm'))).rejects.toThrow(
      videoError(/ffmpeg on the PATH.*ENOENT/),
    );
  });

  it('ends one that hangs, also if it holds its pipes open in another process', async () => {
    const hasty = await VideoEmbedder.load(clip, { ffmpegTimeout: 1000 });
    fakeFfmpeg(`exec sleep 600.${process.pid}`);
    await expect(hasty.encode(film('short_vp9.webm'))).rejects.toThrow(videoError(/no answer.* 1 s/));
    fakeFfmpeg('sleep 5.25; exit 0');
    await expect(hasty.encode(readFileSync(film('short_vp9.webm')))).rejects.toThrow(videoError(/no answer/));
    expect(running(`sleep 600.${process.pid}`)).toEqual([]);
  });

  it('ends one that hangs with the model that is closed', async () => {
    const sleep = `sleep 603.${process.pid}`;
    fakeFfmpeg(`exec ${sleep}`);
    const other = await VideoEmbedder.load(clip);
    const call = other.encode(readFileSync(film('short_vp9.webm'))).catch((error: unknown) => error);
    await expect.poll(() => running(sleep)).toHaveLength(1);
    await other.close();
    expect(await call).toMatchObject({ code: 'ERR_CLOSED' });
    expect(running(sleep)).toEqual([]);
    expect(leftovers()).toEqual([]);
    await expect(other.encode(film('short_vp9.webm'))).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  });

  it('ends one that hangs with the program', async () => {
    const sleep = `sleep 604.${process.pid}`;
    fakeFfmpeg(`exec ${sleep}`);
    const program = await startProgram(`
      import { ClipEmbedder } from '#dist/clip/index.js';
      import { VideoEmbedder } from '#dist/video/index.js';
      const model = await VideoEmbedder.load(await ClipEmbedder.load(${JSON.stringify(TINY_CLIP)}));
      model.encode(${JSON.stringify(film('short_vp9.webm'))}).catch(() => {});
      console.log('ready');
      await seen;
      process.exit(7);`);
    expect(await program.ended).toEqual({ code: 7, signal: null });
    await expect.poll(() => running(sleep)).toEqual([]);
  });

  it('reports one that dies, with its words, or that speaks of no frames', async () => {
    fakeFfmpeg('echo "out of luck" >&2; exit 3');
    await expect(model.encode(film('short_vp9.webm'))).rejects.toThrow(videoError(/out of luck/));
    fakeFfmpeg('kill -9 $$');
    await expect(model.encode(film('short_vp9.webm'))).rejects.toThrow(videoError(/ffmpeg/));
    fakeFfmpeg('exit 0');
    await expect(model.encode(film('short_vp9.webm'))).rejects.toThrow(videoError(/without frames/));
  });
});
