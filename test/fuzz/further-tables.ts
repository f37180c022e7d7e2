/**
 * The tables of a switch that `tablesOf` (../unit/control/tables.ts) leaves out, by name and without what traffic writes: tunnels, the
 * router, translation, classification.
 */
import type { Control } from '../../src/control/control.ts';
import { lookup4, lookup6, type Pages, type Tree } from '../../src/tables/lpm/lpm.ts';
import { ADJ_FORWARD, ADJ_GROUP, ADJ_RESOLVE } from '../../src/tables/router-table.ts';
import { ENTRY_NEXT, ENTRY_WORDS, HEADS } from '../../src/tables/translate-table.ts';
import { addressBytes } from '../../src/wire/address.ts';

/** Where packets may go in the worlds of changes. */
const PLACES_4 = [
  '10.0.1.1',
  '10.0.1.2',
  '10.0.1.77',
  '10.0.1.255',
  '10.0.2.1',
  '10.0.2.2',
  '10.0.2.9',
  '10.8.3.3',
  '10.9.0.1',
  '10.9.1.1',
  '11.0.0.1',
];
const PLACES_6 = ['2001:db8:1::1', '2001:db8:1::5', '2001:db8:2::1', '2001:db8:2::9', '2001:db9::1'];

export function furtherTables(control: Control) {
  const name = (index: number) => control.portByIndex[index]?.name ?? null;
  const ports = [...control.ports.values()].map(({ name, index }) => [
    name,
    { translates: translationOf(control, index) },
  ]);
  return {
    ports: Object.fromEntries(ports),
    classify: classificationOf(control),
    router: routerOf(control, name),
    vxlan: vxlanOf(control),
  };
}

/** Rules of a port: every head with its chain. */
function translationOf({ dp }: Control, port: number): unknown {
  const { rowOf, arriving, leaving, entries } = dp.translate;
  const row = rowOf[port];
  if (row === 0) return null;
  const chain = (first: number) => {
    const rules: number[][] = [];
    for (let entry = first; entry !== 0; entry = entries[entry * ENTRY_WORDS + ENTRY_NEXT]) {
      rules.push([...entries.subarray(entry * ENTRY_WORDS + 1, (entry + 1) * ENTRY_WORDS)]);
    }
    return rules;
  };
  const side = (heads: Int32Array) =>
    [...heads.subarray(row * HEADS, (row + 1) * HEADS)].flatMap((first, vid) =>
      first === 0 ? [] : [[vid, chain(first)]],
    );
  return [side(arriving), side(leaving)];
}

function classificationOf({ dp }: Control) {
  const { order, macs, masked, protocols, subnets4, subnets6 } = dp.classify;
  const subnets = [
    ...PLACES_4.map((text) => at4(subnets4, 0, text)),
    ...PLACES_6.map((text) => at6(subnets6, 0, text)),
  ];
  return [[...order], [...macs], [...masked], [...protocols], subnets];
}

function routerOf(control: Control, name: (index: number) => string | null) {
  const { router } = control.dp;
  const { adj } = router;
  const interfaces = [...router.ifaceOf].flatMap((iface, fid) => {
    if (iface === 0) return [];
    const at = control.vlanByFid[fid];
    return [
      {
        port: name(router.port[iface]),
        vlan: [at?.bridge.name, at?.vlan.vid],
        is: [router.vid[iface], router.macHigh[iface], router.macLow[iface], router.mtu[iface], router.relay[iface]],
        routes: [
          ...PLACES_4.map((text) => way(at4(router.lpm4, router.vrf[iface], text))),
          ...PLACES_6.map((text) => way(at6(router.lpm6, router.vrf[iface], text))),
        ],
      },
    ];
  });
  /** Whether a neighbor is known depends on what it has said. */
  function way(row: number): unknown {
    const kind = adj.kind[row];
    if (kind === ADJ_GROUP) return [...adj.members.subarray(adj.first[row], adj.first[row] + adj.count[row])].map(way);
    const behind = kind === ADJ_FORWARD || kind === ADJ_RESOLVE;
    return behind ? ['behind', name(router.port[adj.iface[row]])] : [kind];
  }
  return interfaces.sort((a, b) => (String(a.port) < String(b.port) ? -1 : 1));
}

function at4(pages: Pages, vrf: number, text: string): number {
  // Before anything is put there is not even a root.
  return pages.roots.length <= 1
    ? 0
    : lookup4(pages, vrf, new DataView(Uint8Array.from(addressBytes(text)!).buffer).getInt32(0));
}

function at6(tree: Tree, vrf: number, text: string): number {
  return tree.roots.length <= 1 ? 0 : lookup6(tree, vrf, new DataView(Uint8Array.from(addressBytes(text)!).buffer), 0);
}

function vxlanOf(control: Control) {
  const { tunnelOf } = control.dp.vxlan.vnis;
  const tunnels = [...control.vxlan.tunnels].map(([port, { settings }]) => [
    port,
    [settings, tunnelOf[control.port(port).index] >= 0],
  ]);
  const vteps = [...control.vxlan.vteps.values()].map(({ name, settings, remotes }) => [
    name,
    [
      settings,
      [...remotes.values()]
        .filter(({ uses }) => uses > 0)
        .map(({ address, uses }) => `${address} ${uses}`)
        .sort(),
    ],
  ]);
  return { tunnels: Object.fromEntries(tunnels), vteps: Object.fromEntries(vteps) };
}
