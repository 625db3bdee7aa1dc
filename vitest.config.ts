import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * The files that take longest, mostly because they wait for processes or servers. They begin first: one that began last
 * would run alone at the end.
 */
const LONG = [
  'cli/bulk',
  'package/docs',
  'jobs/faults',
  'text/robustness',
  'cli/search',
  'stores/milvus-details',
  'cli/models',
  'index/dtypes',
  'stores/milvus',
  'cli/images',
  'text/lifetime',
  'stores/seekdb-details',
  'video/video-embedder',
  'cli/media',
  'cli/stores',
  'image/lifetime',
  'index/crash',
  'cli/embed-chunks',
  'runtime/lanes',
  'image/models',
  'hub/python',
  'runtime/kinds',
].map((name) => `/test/${name}.test.ts`);

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => {
      const index = LONG.findIndex((name) => moduleId.endsWith(name));
      return index < 0 ? LONG.length : index;
    };
    return (await super.sort(files)).sort((a, b) => place(a) - place(b));
  }
}

// Tests run against dist/, the code that is published: inference lanes are child processes and load it from there.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    // How long files took is remembered in one file, which runs side by side would read half-written.
    cache: false,
    sequence: { sequencer: LongestFirst },
    // Most tests wait for child processes: also two cores have room for four of them.
    maxWorkers: 4,
    // No test may depend on what is on the Hub, or in the cache of whoever runs it; those of the hub turn it on.
    env: { HF_HUB_OFFLINE: '1' },
    // For what hangs: how fast a shared machine is may not decide whether a test passes.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
