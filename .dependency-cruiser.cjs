/**
 * The rooms of ARCHITECTURE.md as rules: which folder of src/ may import which.
 * `cli` and `index.ts`, which are above all, may import any.
 */
const mayImport = {
  wire: [],
  tables: ['wire'],
  dataplane: ['wire', 'tables'],
  protocols: ['wire'],
  pcap: [],
  filter: ['wire'],
  capture: ['filter', 'pcap', 'dataplane', 'tables', 'wire'],
  config: ['wire'],
  control: ['config', 'tables', 'protocols', 'dataplane', 'wire'],
  adapters: ['dataplane', 'pcap', 'wire', 'tables'],
  metrics: ['dataplane', 'tables', 'wire', 'control'],
  runtime: ['api', 'capture', 'filter', 'adapters', 'control', 'config', 'dataplane', 'pcap', 'tables', 'wire'],
  library: ['runtime', 'control', 'config', 'dataplane', 'tables', 'wire', 'adapters', 'pcap'],
  scenario: ['runtime', 'control', 'config', 'dataplane', 'tables', 'wire', 'adapters'],
  page: [],
  trace: ['runtime', 'api', 'control', 'config', 'dataplane', 'tables', 'wire'],
  api: ['capture', 'filter', 'config', 'control', 'metrics', 'dataplane', 'tables', 'wire'],
};
const pure = ['wire', 'tables', 'dataplane', 'protocols', 'pcap', 'filter', 'control'];

module.exports = {
  forbidden: [
    ...Object.entries(mayImport).map(([room, rooms]) => ({
      name: `room-${room}`,
      severity: 'error',
      comment: `src/${room} may import only: ${rooms.join(', ') || 'nothing'}`,
      from: { path: `^src/${room}/` },
      to: { path: '^src/', pathNot: `^src/(${[room, ...rooms].join('|')})/` },
    })),
    {
      name: 'pure-rooms-import-no-node',
      severity: 'error',
      comment: 'the data plane and the pure rooms have no I/O and no packages',
      from: { path: `^src/(${pure.join('|')})/` },
      to: { dependencyTypes: ['core', 'npm', 'npm-dev', 'npm-optional', 'npm-peer'] },
    },
    {
      name: 'native-only-through-adapters',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/adapters/' },
      to: { path: '^native/' },
    },
    {
      name: 'library-needs-no-addon',
      severity: 'error',
      comment: 'importing the package loads no native code, opens nothing and does no I/O',
      from: { path: '^src/(index[.]ts|library/)' },
      to: {
        path: '^(native/|src/adapters/(native|tap|af-packet|af-xdp|cap|interface-|udp|vxlan-udp|raw-socket|raw-ip|poller|file-source))',
        reachable: true,
      },
    },
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    { name: 'not-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'no-dev-dependencies-in-src',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev'] },
    },
  ],
  options: {
    parser: 'swc',
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: { extensions: ['.ts', '.js', '.mjs', '.json'] },
  },
};
