import { defineConfig } from 'vitest/config';

// Pool `forks`: native addons do not load safely under `threads`.
// Two projects: `unit` needs nothing of the machine; `live` needs root, /dev/net/tun and network namespaces.
export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    projects: [
      { test: { name: 'unit', pool: 'forks', include: ['test/unit/**/*.test.ts'], testTimeout: 60_000 } },
      {
        test: {
          name: 'live',
          pool: 'forks',
          include: ['test/live/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
