import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { InferenceSession } from 'onnxruntime-node';
import { describe, expect, it, vi } from 'vitest';
import { AudioEmbedder, ClipEmbedder, CrossEncoder, ImageEmbedder, TextEmbedder } from '#dist/index.js';
import { deviceError } from '#dist/runtime/device-error.js';
import { openSession } from '#dist/runtime/open-session.js';
import { accelerator, checkRuntimeOptions, type RuntimeOptions } from '#dist/runtime/options.js';
import { fixture } from '../text/goldens.js';

type Options = InferenceSession.SessionOptions;
type Provider = { name: string; deviceId?: number };

const MODEL = fixture('models/tiny-bert-cls');
/** What `device: 'auto'` tries on this machine. */
const here = accelerator();

/** An onnxruntime in which the graphics card fails with `failure`, and records of what it was asked. */
function fakeRuntime(failure: string | undefined, graphIsValid = true) {
  const opened: (string | Provider)[] = [];
  const released: boolean[] = [];
  const create = async (_file: string, { executionProviders }: Options) => {
    const [provider = 'cpu'] = (executionProviders ?? []) as Provider[];
    opened.push(provider);
    if (provider !== 'cpu' && failure !== undefined) throw new Error(failure);
    if (!graphIsValid) throw new Error('Protobuf parsing failed');
    return { release: async () => void released.push(true) } as unknown as InferenceSession;
  };
  return { opened, released, create };
}

const settings = { file: '/model.onnx', deviceId: 1, threads: 1, spin: 0 };

describe.runIf(here)('a device that works', () => {
  it.each(['auto', here as 'cuda'] as const)("is used for '%s', by its id", async (device) => {
    const runtime = fakeRuntime(undefined);
    const report = vi.fn();
    await openSession({ ...settings, device }, runtime.create, report);
    expect(runtime.opened).toEqual([here === 'coreml' ? { name: here } : { name: here, deviceId: 1 }]);
    expect(report.mock.calls).toEqual([[here]]);
  });
});

describe.runIf(here)('a device that fails', () => {
  const failure = 'CUDA failure 100: no CUDA-capable device is detected';

  it("is replaced by the CPU for 'auto', with the reason", async () => {
    const runtime = fakeRuntime(failure);
    const report = vi.fn();
    await openSession({ ...settings, device: 'auto' }, runtime.create, report);
    expect(runtime.opened).toHaveLength(2);
    expect(runtime.opened[1]).toBe('cpu');
    expect(report).toHaveBeenCalledTimes(1);
    expect(report).toHaveBeenCalledWith(
      'cpu',
      expect.stringMatching(/^Expected .* The CPU is used instead\.$/s),
    );
  });

  it('is ERR_DEVICE when it was asked for, and the graph is closed again', async () => {
    const runtime = fakeRuntime(failure);
    const device = here as 'cuda';
    await expect(openSession({ ...settings, device }, runtime.create, () => {})).rejects.toMatchObject({
      code: 'ERR_DEVICE',
      cause: expect.objectContaining({ message: failure }),
    });
    expect(runtime.released).toEqual([true]);
  });

  it.each(['auto', here as 'cuda'] as const)("does not hide a bad graph ('%s')", async (device) => {
    const runtime = fakeRuntime(failure, false);
    await expect(openSession({ ...settings, device }, runtime.create, () => {})).rejects.toMatchObject({
      code: 'ERR_MODEL_INVALID',
    });
  });
});

describe('the reason', () => {
  const cause = new Error('CUDA failure 35: driver too old');
  const findings = { installer: '/ort/script/install.js', installed: true, missing: [] };

  it('names the command that downloads what the package lacks', () => {
    const { message } = deviceError('cuda', cause, { ...findings, installed: false });
    expect(message).toContain('node "/ort/script/install.js" --onnxruntime-node-install=cuda12');
  });

  it("names the system's missing libraries and the command that installs them", () => {
    const missing = ['libcublasLt.so.12', 'libcudnn.so.9'];
    const { message } = deviceError('cuda', cause, { ...findings, missing });
    expect(message).toMatch(/libcublasLt\.so\.12, libcudnn\.so\.9.*apt-get install .*cudnn9-cuda-12/s);
  });

  it('else repeats onnxruntime', () => {
    expect(deviceError('cuda', cause, findings).message).toMatch(
      /CUDA failure 35: driver too old.*nvidia-smi/,
    );
    expect(deviceError('dml', new Error('no adapter'), findings).message).toContain('no adapter');
  });
});

describe('options', () => {
  const others = (['cuda', 'coreml', 'dml'] as const).filter((device) => device !== here);

  it.each(others)("refuse '%s' where there is none", (device) => {
    expect(() => checkRuntimeOptions({ device })).toThrowError(
      expect.objectContaining({ code: 'ERR_DEVICE', message: expect.stringContaining(`device '${device}'`) }),
    );
  });

  it('are the same for every kind of model', async () => {
    const loads = [TextEmbedder, CrossEncoder, ImageEmbedder, ClipEmbedder, AudioEmbedder].map(
      (kind) => (options: object) => kind.load('./nowhere', options as never),
    );
    for (const load of loads) {
      for (const bad of [
        { device: 'tpu' },
        { deviceId: 1.5 },
        { lanes: 0 },
        { isolation: 'vm' },
        { spin: -1 },
        { warmUp: 1 },
      ]) {
        await expect(load(bad)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG' });
      }
      await expect(load({ device: others[0] })).rejects.toMatchObject({ code: 'ERR_DEVICE' });
      const good = {
        ...{ device: 'auto', deviceId: 0, threads: 2, spin: 0 },
        lanes: 2,
        keepAlive: 60,
        warmUp: true,
      };
      await expect(load(good)).rejects.toMatchObject({ code: 'ERR_MODEL_NOT_FOUND' });
    }
  });

  it('divide the cores among the lanes', () => {
    const { session, lanes } = checkRuntimeOptions({ lanes: 64, keepAlive: 1.5 });
    expect(session.threads).toBeGreaterThanOrEqual(1);
    expect(lanes).toEqual({ count: 64, teamKeepAlive: 0, keepAlive: 1500, isolation: undefined });
    expect(checkRuntimeOptions({ lanes: 4, threads: 8 }).session.threads).toBe(8);
  });

  it.each([
    [{}, 300_000],
    [{ keepAlive: 60 }, 60_000],
    [{ keepAlive: 59 }, 0],
    [{ lanes: 1 }, 0],
    [{ threads: 1 }, 0],
    [{ device: 'auto' }, 0],
  ])('%j let a team be idle for %i ms', (given, milliseconds) => {
    expect(checkRuntimeOptions(given as RuntimeOptions).lanes.teamKeepAlive).toBe(milliseconds);
  });
});

const ort = dirname(dirname(createRequire(import.meta.url).resolve('onnxruntime-node')));
const cudaIsMissing =
  here === 'cuda' && !existsSync(join(ort, 'bin/napi-v6/linux/x64/libonnxruntime_providers_cuda.so'));

// The real thing, wherever onnxruntime-node was installed without its CUDA libraries.
describe.runIf(cudaIsMissing)('CUDA that is not installed', () => {
  it('is ERR_DEVICE with the command that installs it', async () => {
    await expect(TextEmbedder.load(MODEL, { device: 'cuda' })).rejects.toMatchObject({
      code: 'ERR_DEVICE',
      message: expect.stringContaining(`node "${join(ort, 'script/install.js')}"`),
    });
  });

  it("falls back for 'auto' with one warning, however many lanes and models", async () => {
    const warnings: (Error & { code?: string })[] = [];
    const listen = (warning: Error) => void warnings.push(warning);
    process.on('warning', listen);
    try {
      await using first = await TextEmbedder.load(MODEL, { device: 'auto', lanes: 2 });
      await using second = await TextEmbedder.load(MODEL, { device: 'auto' });
      await using cpu = await TextEmbedder.load(MODEL);
      const [a, b] = [await second.encode('a cat'), await cpu.encode('a cat')];
      expect(a.data).toEqual(b.data);
      expect(first.stats().device).toBe('cpu');
    } finally {
      process.off('warning', listen);
    }
    expect(warnings.map(({ code }) => code)).toEqual(['EMBEDLANE_DEVICE']);
    expect(warnings[0].message).toMatch(/--onnxruntime-node-install=cuda12.*The CPU is used instead/s);
  });
});
