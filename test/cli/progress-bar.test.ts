import { afterEach, describe, expect, it, vi } from 'vitest';
import { downloadBar } from '#dist/cli/output/progress-bar.js';

const wasTerminal = process.stderr.isTTY;

/** What is written to stderr while `work` runs, which takes it for a terminal or not. */
function written(terminal: boolean, work: () => void): string {
  process.stderr.isTTY = terminal;
  let output = '';
  vi.spyOn(process.stderr, 'write').mockImplementation((part) => {
    output += String(part);
    return true;
  });
  work();
  return output;
}

afterEach(() => {
  vi.restoreAllMocks();
  process.stderr.isTTY = wasTerminal;
});

describe('the bar of a download', () => {
  const download = () => {
    const { onProgress, stop } = downloadBar();
    onProgress({ file: 'config.json', completed: 512, total: 1024 });
    // Its configuration says that the model needs more.
    onProgress({ file: 'onnx/model.onnx', completed: 1024, total: 90 * 1024 * 1024 });
    stop();
  };

  it('shows what has arrived, of all there is, on a terminal', () => {
    const output = written(true, download);
    expect(output).toMatch(/Downloading .*1\.0 kB/);
    expect(output).toMatch(/Downloading .*9\d(\.\d)? MB/);
  });

  it('hides no cursor, ends no wrapping and goes back to no line, which a kill would leave so', () => {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    expect(written(true, download)).not.toMatch(/\x1b(8|\[\?)/);
  });

  it('is silent anywhere else', () => {
    expect(written(false, download)).toBe('');
  });
});
