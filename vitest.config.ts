import { defineConfig } from 'vitest/config';

// Tests run against dist/, the code that is published: inference lanes are child processes and load it from there.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
