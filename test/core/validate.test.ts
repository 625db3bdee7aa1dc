import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, it } from 'vitest';
import { describe as describeValue, EmbedlaneError } from '#dist/core/errors.js';
import {
  float32Array,
  integer,
  oneOf,
  optionalFunction,
  optionalSignal,
  optionsObject,
} from '#dist/core/validate.js';

const invalid = (message: RegExp, code = 'ERR_INVALID_ARG') =>
  expect.objectContaining({ name: 'EmbedlaneError', code, message: expect.stringMatching(message) });

describe('argument checks', () => {
  it('name the argument, what was expected and what came', () => {
    expect(() => integer('k', 1.5, 1, 10)).toThrow(
      new EmbedlaneError(
        'ERR_INVALID_ARG',
        'Expected an integer between 1 and 10 for k but received 1.5 of type number',
      ),
    );
    expect(() => oneOf('metric', 'hamster', ['dot', 'l2'])).toThrow(
      invalid(/one of 'dot', 'l2' for metric.*"hamster"/),
    );
  });

  it.each([0, 11, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 32, '5', null, undefined])(
    'refuse %s for an integer',
    (value) => {
      expect(() => integer('k', value, 1, 10)).toThrow(invalid(/^Expected an integer/));
    },
  );

  it('help with a misspelled option', () => {
    const known = ['normalize', 'signal'] as const;
    const given: object = { normalise: true };
    expect(() => optionsObject<{ normalize?: boolean; signal?: unknown }>('options', given, known)).toThrow(
      invalid(/'normalise'; did you mean 'normalize'\?/),
    );
    expect(() => optionsObject('options', { zebra: 1 } as object, known as never)).toThrow(
      invalid(/known options: normalize, signal/),
    );
    expect(() => optionsObject('options', null as never, known as never)).toThrow(
      invalid(/options object.*null/),
    );
    expect(optionsObject('options', undefined, known as never)).toEqual({});
  });

  it('never quote more than a little of a value', () => {
    expect(describeValue('x'.repeat(10_000)).length).toBeLessThan(100);
    expect(describeValue(Array.from({ length: 1000 }))).toBe('an Array of length 1000');
    expect(describeValue(Object.create(null))).toBe('an object');
    expect(describeValue(-0)).toBe('-0 of type number');
    expect(describeValue(Promise.resolve(1))).toBe('a Promise: is an await missing?');
  });
});

it('a function sees the AsyncLocalStorage of the call that it was given to', () => {
  const storage = new AsyncLocalStorage<string>();
  const seen: unknown[] = [];
  const report = storage.run('request', () =>
    optionalFunction('onProgress', (value: number) => void seen.push(value, storage.getStore())),
  );
  report?.(7);
  expect(seen).toEqual([7, 'request']);
  expect(optionalFunction('onProgress', undefined)).toBeUndefined();
  expect(() => optionalFunction('onProgress', 7 as never)).toThrow(invalid(/a function for onProgress/));
});

describe('float32Array', () => {
  it('takes any view, an empty one too', () => {
    const view = new Float32Array(new ArrayBuffer(16), 4, 2);
    expect(float32Array('data', view)).toBe(view);
    expect(float32Array('data', new Float32Array(0))).toHaveLength(0);
    expect(float32Array('data', new Float32Array(4).subarray(4))).toHaveLength(0);
  });

  it('refuses other types, shared, resizable and detached memory', () => {
    expect(() => float32Array('data', new Float64Array(2))).toThrow(
      invalid(/Float32Array for data.*Float64Array/, 'ERR_DTYPE'),
    );
    expect(() => float32Array('data', [1, 2])).toThrow(invalid(/Float32Array for data.*Array of length 2/));
    expect(() => float32Array('data', new Float32Array(new SharedArrayBuffer(8)))).toThrow(
      invalid(/not shared/),
    );
    const Resizable = ArrayBuffer as unknown as new (length: number, options: object) => ArrayBuffer;
    expect(() => float32Array('data', new Float32Array(new Resizable(8, { maxByteLength: 16 })))).toThrow(
      invalid(/resizable/),
    );
    const detached = new Float32Array(2);
    structuredClone(detached.buffer, { transfer: [detached.buffer] });
    expect(() => float32Array('data', detached)).toThrow(invalid(/detached/));
  });
});

it('a signal that many calls share at a time makes Node warn of nothing', async () => {
  const warnings: Error[] = [];
  const onWarning = (warning: Error) => warnings.push(warning);
  process.on('warning', onWarning);
  const { signal } = new AbortController();
  for (let call = 0; call < 50; call++)
    optionalSignal('signal', signal)?.addEventListener('abort', () => call);
  await new Promise(setImmediate);
  process.off('warning', onWarning);
  expect(warnings).toEqual([]);
});
