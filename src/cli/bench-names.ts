/** Benchmarks that there are. */
export const BENCHMARKS = [
  ...['S1', 'S2', 'S3', 'S4', 'S5', 'S6', 'S6n', 'S7', 'S8', 'S9', 'S10', 'S11', 'S12', 'S13', 'S14'],
  ...['api', 'routing', 'change', 'micro'],
] as const;

/** All but `micro`, which is for looking at single functions. */
export const ALL_BENCHMARKS = 'all';
