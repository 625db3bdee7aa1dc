import { describe, expect, it } from 'vitest';
import { EmbedlaneError } from '#dist/core/errors.js';
import { fromWire, toWire } from '#dist/runtime/protocol.js';
import { countList, defaultThreads } from '#dist/runtime/threads.js';

describe('threads', () => {
  it('counts CPU lists', () => {
    expect(['0', '0-1', '0,64', '0-3,8-11\n', ''].map(countList)).toEqual([1, 2, 2, 8, 1]);
  });

  it('defaults to a sensible number', () => {
    expect(Number.isInteger(defaultThreads())).toBe(true);
    if (process.platform === 'linux') expect(defaultThreads()).toBeGreaterThan(0);
  });
});

describe('errors on the wire', () => {
  it('keep code, message and causes', () => {
    const error = new EmbedlaneError('ERR_MODEL_INVALID', 'bad', { cause: new TypeError('deep') });
    const back = fromWire(structuredClone(toWire(error)));
    expect(back).toMatchObject({ name: 'EmbedlaneError', code: 'ERR_MODEL_INVALID', message: 'bad' });
    expect(back.cause).toMatchObject({ name: 'TypeError', message: 'deep' });
  });

  it('turn what was not thrown on purpose into ERR_RUNTIME with the original as cause', () => {
    const back = fromWire(structuredClone(toWire(new RangeError('oops'))));
    expect(back).toMatchObject({ code: 'ERR_RUNTIME', message: expect.stringContaining('oops') });
    expect(back.cause).toMatchObject({ name: 'RangeError', message: 'oops' });
    expect(fromWire(toWire('text'))).toMatchObject({
      code: 'ERR_RUNTIME',
      message: expect.stringContaining('text'),
    });
  });

  it('end cyclic causes', () => {
    const error = new Error('round');
    error.cause = error;
    expect(fromWire(structuredClone(toWire(error))).message).toContain('round');
  });
});
