import { defineConfig } from 'vitest/config';

/** For a test that hangs; what is slow on a machine with other work is not. */
const TIMEOUTS = { testTimeout: 400_000, hookTimeout: 400_000 } as const;

/** What needs root, /dev/net/tun and network namespaces. Names of namespaces, devices and folders are of the process, so that files may run side by side. */
const LIVE = { ...TIMEOUTS, pool: 'forks' } as const;

/** Changes, routing, tags, links that come and go, and tunnels: whole switches, once more with two threads that forward, in CI every kind of port as well. */
const TWO_WORKERS = ['change', 'routing', 'trunk', 'vanish', 'vxlan-mesh', 'vxlan-routing'];
if (process.env.CI === 'true') TWO_WORKERS.push('matrix');

// Pool `forks`: native addons do not load safely under `threads`.
export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    maxConcurrency: 3,
    projects: [
      {
        // Needs nothing of the machine. One process loads the sources once for all files: a third less work.
        test: {
          ...TIMEOUTS,
          name: 'unit',
          pool: 'forks',
          isolate: false,
          include: ['test/unit/**/*.test.ts'],
        },
      },
      { test: { ...LIVE, name: 'live', include: ['test/live/**/*.test.ts'] } },
      {
        test: {
          ...LIVE,
          name: 'live-two-workers',
          include: TWO_WORKERS.map((name) => `test/live/${name}.test.ts`),
          env: { ETHERLOOM_TEST_WORKERS: '2' },
        },
      },
    ],
  },
});
