import { defineConfig } from 'vitest/config';

// Tests run against dist/, the code that is published: inference lanes are child processes and load it from there.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    // Most tests wait for child processes: also two cores have room for three of them.
    maxWorkers: 3,
    // No test may depend on what is on the Hub, or in the cache of whoever runs it; those of the hub turn it on.
    env: { HF_HUB_OFFLINE: '1' },
    // For what hangs: how fast a shared machine is may not decide whether a test passes.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
