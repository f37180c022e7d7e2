/**
 * The answers of a switch as tables.
 */

import type { FdbView } from '../../api/fdb-view.ts';
import type { MirrorView } from '../../api/mirror-view.ts';
import type { InterfaceView, NeighborView, RouteView, VrfView } from '../../api/router-views.ts';
import type { SampleView } from '../../api/sample-view.ts';
import type { Topic } from '../../api/topics.ts';
import type { Drops, LedgerView, PortView, VlanView } from '../../api/views.ts';
import type { WorkerView } from '../../api/worker-view.ts';
import type { IpvlanConfig, MacvlanConfig } from '../../config/types/groups.ts';
import type { PeerView, VtepView, VxlanEntryView } from '../../control/vxlan/views.ts';
import type { LedgerRow } from '../../dataplane/counters.ts';
import type { LatencyView } from '../../dataplane/latency.ts';
import { vidList } from '../vid-list.ts';
import { offloadText } from './offload.ts';
import { type Cell, table } from './table.ts';
import { tagRuleLines } from './tag-rules.ts';
import { peersText, vtepsText, vxlanFdbText } from './vxlan.ts';

/** Characters of a list in a table; JSON has all of it. */
const MAX_LIST = 40;

export function topicText(topic: Exclude<Topic, 'config'>, body: unknown): string {
  switch (topic) {
    case 'ports':
      return portsText((body as { ports: PortView[] }).ports);
    case 'fdb':
      return fdbText(body as FdbView);
    case 'vlans':
      return vlansText((body as { vlans: VlanView[] }).vlans);
    case 'vrfs':
      return vrfsText((body as { vrfs: VrfView[] }).vrfs);
    case 'interfaces':
      return interfacesText((body as { interfaces: InterfaceView[] }).interfaces);
    case 'neighbors':
      return neighborsText((body as { neighbors: NeighborView[] }).neighbors);
    case 'routes':
      return routesText((body as { routes: RouteView[] }).routes);
    case 'macvlan':
      return macvlanText((body as { groups: MacvlanConfig[] }).groups);
    case 'ipvlan':
      return ipvlanText((body as { groups: IpvlanConfig[] }).groups);
    case 'mirrors':
      return mirrorsText((body as { mirrors: MirrorView[] }).mirrors);
    case 'vteps':
      return vtepsText((body as { vteps: VtepView[] }).vteps);
    case 'peers':
      return peersText((body as { peers: PeerView[] }).peers);
    case 'vxlan-fdb':
      return vxlanFdbText((body as { entries: VxlanEntryView[] }).entries);
    case 'drops':
      return dropsText(body as Drops);
    case 'samples':
      return samplesText((body as { samples: SampleView[] }).samples);
    case 'ledger':
      return ledgerText(body as LedgerView);
    case 'latency':
      return latencyText((body as { latency: LatencyView }).latency);
    case 'workers':
      return workersText((body as { workers: WorkerView[] }).workers);
  }
}

function workersText(workers: readonly WorkerView[]): string {
  return table(
    ['WORKER', 'STATE', 'BUSY', 'RX-FRAMES', 'RX-BYTES', 'TX-FRAMES', 'TX-BYTES', 'RESTARTS'],
    workers.map((w) => [
      w.worker,
      w.up ? 'up' : 'ended',
      `${((100 * w.activeSeconds) / Math.max(w.activeSeconds + w.idleSeconds, 1e-9)).toFixed(1)} %`,
      w.rxFrames,
      w.rxBytes,
      w.txFrames,
      w.txBytes,
      w.restarts,
    ]),
  );
}

function portsText(ports: readonly PortView[]): string {
  const settings = table(
    ['PORT', 'BRIDGE', 'DEVICE', 'LINK', 'MODE', 'PVID', 'UNTAGGED', 'TAGGED', 'MTU', 'OFFLOADS'],
    ports.map((p) => [
      p.name,
      p.bridge,
      `${p.adapter}${p.device === '' ? '' : `:${p.device}`}${p.detail === null ? '' : ` (${p.detail})`}`,
      p.link === 'up' ? 'up' : `down (${p.linkReason})`,
      isInterface(p) ? null : p.mode,
      p.pvid === null ? null : String(p.pvid),
      clip(vidList(p.untagged)),
      clip(vidList(p.tagged)),
      p.mtu,
      offloadText(p),
    ]),
  );
  const counters = table(
    [
      'PORT',
      'RX-FRAMES',
      'RX-BYTES',
      'RX-DROPPED',
      'RX-MISSED',
      'TX-FRAMES',
      'TX-BYTES',
      'TX-DROPPED',
      'FLOODED',
      'LEARNED',
    ],
    ports.map((p) =>
      isInterface(p)
        ? [p.name, null, null, null, null, p.txFrames, null, p.dropped, p.flooded, null]
        : [
            p.name,
            ...[p.rxFrames, p.rxBytes, p.dropped, p.rxMissed],
            ...[p.txFrames, p.txBytes, p.txDropped, p.flooded, p.learned],
          ],
    ),
  );
  const rules = ports.flatMap((p) => tagRuleLines(p).map((line) => [p.name, line]));
  return `${settings}${rules.length === 0 ? '' : `\n${table(['PORT', 'TAGS'], rules)}`}\n${counters}`;
}

/** Of the router, without a device: it receives nothing and has no mode. */
function isInterface({ adapter }: PortView): boolean {
  return adapter === 'router';
}

export function fdbText({ entries }: Pick<FdbView, 'entries'>): string {
  const bridges = new Set(entries.map((entry) => entry.bridge)).size > 1;
  return table(
    ['MAC', 'VLAN', 'PORT', 'KIND', 'AGE', ...(bridges ? ['BRIDGE'] : [])],
    entries.map((e) => [
      e.mac,
      e.vid === null ? null : String(e.vid),
      e.port,
      e.kind,
      e.kind === 'dynamic' ? `${Math.floor(e.ageSeconds)}s` : null,
      ...(bridges ? [e.bridge] : []),
    ]),
  );
}

function vlansText(vlans: readonly VlanView[]): string {
  const bridges = new Set(vlans.map((vlan) => vlan.bridge)).size > 1;
  const privates = vlans.some((vlan) => vlan.private !== null);
  return table(
    [
      'VLAN',
      'NAME',
      ...(privates ? ['PRIVATE'] : []),
      'UNTAGGED',
      'TAGGED',
      'LEARNED',
      'RX-FRAMES',
      'DROPPED',
      ...(bridges ? ['BRIDGE'] : []),
    ],
    vlans.map((v) => [
      v.vid === null ? null : String(v.vid),
      v.name,
      ...(privates ? [v.private] : []),
      clip(v.untagged.join(' ')),
      clip(v.tagged.join(' ')),
      v.learned,
      v.rxFrames,
      v.dropped,
      ...(bridges ? [v.bridge] : []),
    ]),
  );
}

function interfacesText(interfaces: readonly InterfaceView[]): string {
  return table(
    ['INTERFACE', 'VLAN', 'ADDRESSES', 'MAC', 'MTU', 'VRF', 'SENT', 'DROPPED'],
    interfaces.map((each) => [
      each.name,
      each.vid === null ? null : String(each.vid),
      clip(each.addresses.map((own) => `${own}${takenText(each, own)}`).join(' ')),
      each.mac,
      each.mtu,
      each.vrf,
      each.sent,
      each.dropped,
    ]),
  );
}

function takenText({ duplicates, claimed }: InterfaceView, address: string): string {
  return duplicates.includes(address) ? ' (duplicate)' : claimed.includes(address) ? ' (claimed)' : '';
}

/** A line a port, the host's first. */
function macvlanText(groups: readonly MacvlanConfig[]): string {
  return table(
    ['GROUP', 'PARENT', 'VLAN', 'PORT', 'MODE', 'MACS', 'SOURCES'],
    groups.flatMap(({ name, parent, vlan, children, host, hostAccess }) => {
      const rows = children.map((c) => [c.port, c.mode, clip(c.macs.join(' ')), clip(c.sources.join(' '))]);
      if (host !== null) rows.unshift([host.port, hostAccess ? 'host, with access' : 'host', host.mac, '']);
      return rows.map((row) => [name, parent, vlan === null ? 'all' : String(vlan), ...row]);
    }),
  );
}

/** A line a port, the host's first; which multicast children hear, where some do not hear all. */
function ipvlanText(groups: readonly IpvlanConfig[]): string {
  const filters = groups.some(({ children }) => children.some(({ multicast }) => multicast !== undefined));
  return table(
    ['GROUP', 'PARENT', 'VLAN', 'MODE', 'PORT', 'ADDRESSES', ...(filters ? ['MULTICAST'] : [])],
    groups.flatMap(({ name, mode, flag, parent, vlan, children, host, hostAccess }) => {
      const rows = children.map((child) => {
        const hears = mode !== 'l2' ? '' : clip(child.multicast?.join(' ') ?? 'all');
        return [child.port, clip(child.addresses.join(' ')), ...(filters ? [hears] : [])];
      });
      if (host !== null) {
        rows.unshift([host.port, hostAccess ? '(host, with access)' : '(host)', ...(filters ? ['all'] : [])]);
      }
      const of = mode !== 'l2' ? '' : vlan === null ? 'all' : String(vlan);
      return rows.map((row) => [name, parent, of, `${mode} ${flag}`, ...row]);
    }),
  );
}

function mirrorsText(mirrors: readonly MirrorView[]): string {
  return table(
    ['MIRROR', 'FROM', 'TO', 'VLANS', 'OUTPUT', 'FRAMES', 'BYTES', 'LOST'],
    mirrors.map((m) => {
      const everything = m.selectAll || m.selectSrc.length + m.selectDst.length === 0;
      return [
        m.name,
        everything ? 'all' : clip(m.selectSrc.join(' ')),
        everything ? 'all' : clip(m.selectDst.join(' ')),
        m.selectVlan.length === 0 ? 'all' : clip(vidList(m.selectVlan)),
        m.output ?? `vlan ${m.outputVlan}`,
        m.frames,
        m.bytes,
        m.lost,
      ];
    }),
  );
}

function neighborsText(neighbors: readonly NeighborView[]): string {
  const vrfs = new Set(neighbors.map((each) => each.vrf)).size > 1;
  return table(
    ['ADDRESS', 'MAC', 'INTERFACE', ...(vrfs ? ['VRF'] : [])],
    neighbors.map((each) => [each.address, each.mac, each.interface, ...(vrfs ? [each.vrf] : [])]),
  );
}

function vrfsText(vrfs: readonly VrfView[]): string {
  return table(
    ['VRF', 'INTERFACES', 'ROUTES', 'MAX-ROUTES', 'DESCRIPTION'],
    vrfs.map((vrf) => [vrf.name, clip(vrf.interfaces.join(' ')), vrf.routes, vrf.maxRoutes, vrf.description]),
  );
}

function routesText(routes: readonly RouteView[]): string {
  const vrfs = new Set(routes.map((route) => route.vrf)).size > 1;
  return table(
    ['PREFIX', 'KIND', 'VIA', ...(vrfs ? ['VRF'] : [])],
    routes.map((route) => [
      route.prefix,
      route.kind,
      clip(
        route.via.map((hop) => (hop.address === null ? hop.interface : `${hop.address} (${hop.interface})`)).join(' '),
      ),
      ...(vrfs ? [route.vrf] : []),
    ]),
  );
}

function dropsText({ drops, unsent = [] }: Drops): string {
  const lost = unsent.map(({ port, copies }) => `${copies} by ${port}`).join(', ');
  const unsentText =
    lost === ''
      ? ''
      : `Copies that could not leave: ${lost}; the device or its queue was full, or down. A frame of which other copies left is no drop.\n`;
  if (drops.length === 0) return `no frame was dropped\n${unsentText}`;
  const rows = dropTable(drops);
  const lone = drops.some(({ reason }) => reason === 'EGRESS_NO_PORT')
    ? 'EGRESS_NO_PORT of broadcast and multicast is no fault where a host is alone in its VLAN.\n'
    : '';
  return `${rows}\n${lone}${unsentText}The last frames of each: etherloom show samples; what would deliver one: etherloom explain --drop ID.\n`;
}

export function dropTable(drops: Drops['drops']): string {
  return table(
    ['PORT', 'FRAMES', 'REASON', 'WHAT IT MEANS'],
    drops.map((d) => [d.port, d.frames, d.reason, d.sentence]),
  );
}

function samplesText(samples: readonly SampleView[]): string {
  if (samples.length === 0) return 'no frame was dropped\n';
  return table(
    ['ID', 'AGE', 'PORT', 'VLAN', 'REASON', 'FRAME'],
    samples.map((s) => [
      s.id,
      `${Math.floor(s.ageSeconds)}s`,
      s.port,
      s.vid === null ? null : String(s.vid),
      s.reason,
      s.text,
    ]),
  );
}

/** Buckets that nothing fell into are left out at both ends. */
function latencyText(view: LatencyView): string {
  const { frames, buckets } = view;
  const us = (value: number) => `${Number(value.toPrecision(3))} µs`;
  const summary = table(
    ['FRAMES', 'MEAN', 'P50', 'P90', 'P99', 'P99.9', 'MAX', 'LONGEST-STOP'],
    [
      [
        ...[frames, us(view.meanMicroseconds), us(view.p50), us(view.p90), us(view.p99), us(view.p999), us(view.max)],
        us(view.longestStopMicroseconds),
      ],
    ],
  );
  if (frames === 0) return summary;
  const rows = buckets.map(({ belowMicroseconds, frames: below }, i) => ({
    below: us(belowMicroseconds),
    frames: below - (i === 0 ? 0 : buckets[i - 1].frames),
  }));
  rows.push({ below: 'longer', frames: frames - buckets[buckets.length - 1].frames });
  const first = rows.findIndex((row) => row.frames > 0);
  const last = rows.findLastIndex((row) => row.frames > 0);
  const shown = rows.slice(first, last + 1);
  return `${summary}\n${table(
    ['BELOW', 'FRAMES', 'SHARE'],
    shown.map((row) => [row.below, row.frames, `${((100 * row.frames) / frames).toFixed(1)} %`]),
  )}`;
}

export function ledgerText({ ports, vlans, noVlan, total, balanced }: LedgerView): string {
  const head = ['RECEIVED', 'GENERATED', 'DELIVERED', 'CONSUMED', 'DROPPED', 'FLOOD-COPIES', 'BALANCED'];
  const cells = (row: LedgerRow): Cell[] => [
    row.received,
    row.generated,
    row.delivered,
    row.consumed,
    row.dropped,
    row.floodCopies,
    row.balanced ? 'yes' : 'NO',
  ];
  const bridges = new Set(vlans.map((vlan) => vlan.bridge)).size > 1;
  const vlanName = (bridge: string, vid: number | null) =>
    bridges ? `${bridge}/${vid ?? 'all'}` : vid === null ? 'all' : String(vid);
  const byPort = table(
    ['PORT', ...head],
    [...Object.entries(ports).map(([name, row]) => [name, ...cells(row)]), ['total', ...cells(total)]],
  );
  const byVlan = table(
    ['VLAN', ...head],
    [
      ...vlans.map((row) => [vlanName(row.bridge, row.vid), ...cells(row)]),
      ...(noVlan.received > 0 || noVlan.dropped > 0 ? [['none', ...cells(noVlan)]] : []),
    ],
  );
  return `${byPort}\n${byVlan}\nbalanced: ${balanced ? 'yes' : 'NO'}\n`;
}

function clip(list: string): string {
  return list.length <= MAX_LIST ? list : `${list.slice(0, list.lastIndexOf(' ', MAX_LIST))} …`;
}
