/** What might be changed of VTEPs and tunnels when a frame is not taken out of its tunnel, or does not get into it. */

import type { TunnelConfig, VniConfig, VtepConfig } from '../../config/types/vxlan.ts';
import type { PortConfig } from '../../config/types.ts';
import type { FrameFields } from '../../wire/dissect-fields.ts';
import { dissectOuter } from '../output.ts';
import type { Situation } from '../situation.ts';
import type { Trace } from '../types.ts';
import { type Change, changePort } from './change.ts';

const MAX_MTU = 65_535;
/** Outer IP, UDP and VXLAN headers. */
const OVERHEAD4 = 36;
const OVERHEAD6 = 56;
/** VLANs looked at where any would do. */
const FEW = 8;

/** `target` is where the frame should leave; `trace` ended with a VXLAN_* reason. */
export function tunnelChanges(s: Situation, trace: Trace, target: PortConfig | undefined): Change[] {
  const frame = dissectOuter(Buffer.from(trace.frame.hex, 'hex'));
  const tunnels = s.config.ports.filter(({ tunnel }) => tunnel !== null);
  const into = tunnels.filter(({ name }) => trace.outputs.length === 0 && sendsTo(trace, name));
  const from = tunnels.filter(({ name }) => name === trace.tunnel);
  switch (trace.reason?.name) {
    case 'VXLAN_NOT_FOR_VTEP':
      return s.config.vteps
        .filter(({ uplink }) => uplink === trace.port)
        .flatMap((vtep) => [...listenOn(vtep, frame), ...addressedAs(vtep, frame)]);
    case 'VXLAN_UNKNOWN_PEER':
      return vtepsAt(s, trace.port, frame).flatMap((vtep) => allowed(vtep, frame));
    case 'VXLAN_UNKNOWN_VNI': {
      const names = vtepsAt(s, trace.port, frame).map(({ name }) => name);
      const mine = tunnels.filter(({ tunnel }) => names.includes(tunnel!.vtep));
      return mine.flatMap((port) => carryVni(port, frame, target));
    }
    case 'VXLAN_INNER_TAG':
      return [...from, ...into].map((port) => set(port, 'innerTag', 'keep', `tunnel ${port.name} kept inner tags`));
    case 'VXLAN_RESERVED_BITS':
      return from.map((port) => set(port, 'reservedBits', 'ignore', `tunnel ${port.name} ignored reserved bits`));
    case 'VXLAN_NESTED':
      return vtepsOf(s, from).map((vtep) => vtepKey(vtep, 'nested', 'allow', `VTEP ${vtep.name} took VXLAN in VXLAN`));
    case 'VXLAN_CHECKSUM':
      return vtepsAt(s, trace.port, frame)
        .filter(() => frame.outer?.udp?.checksum === 0)
        .map((vtep) =>
          vtepKey(vtep, 'udp6ZeroChecksum', true, `VTEP ${vtep.name} took UDP over IPv6 without a checksum`),
        );
    case 'VXLAN_MTU':
      return into.flatMap((port) => longerPath(s, port, trace.frame.length));
    case 'VXLAN_NO_REMOTE':
      return into.flatMap((port) => floodTo(s, port));
    case 'VXLAN_UNRESOLVED':
      return into.flatMap((port) => reachRemotes(s, port));
    default:
      return [];
  }
}

/** Whether egress gave the frame to this port. */
function sendsTo({ stages }: Trace, name: string): boolean {
  return stages.some(({ ports = [] }) => ports.some(({ port, sends }) => sends && port === name));
}

/** VTEPs behind an uplink that have the frame's destination address. */
function vtepsAt({ config }: Situation, uplink: string, { outer }: FrameFields): VtepConfig[] {
  return config.vteps.filter((vtep) => vtep.uplink === uplink && vtep.local === outer?.ip?.dst);
}

function vtepsOf({ config }: Situation, tunnels: readonly PortConfig[]): VtepConfig[] {
  return config.vteps.filter(({ name }) => tunnels.some(({ tunnel }) => tunnel!.vtep === name));
}

function listenOn(vtep: VtepConfig, { outer }: FrameFields): Change[] {
  const port = outer?.udp?.dst;
  if (port === undefined || port === 0 || port === vtep.udpPort) return [];
  return [vtepKey(vtep, 'udpPort', port, `VTEP ${vtep.name} listened on UDP port ${port} instead of ${vtep.udpPort}`)];
}

/** The VTEP is who the frame is sent to. */
function addressedAs(vtep: VtepConfig, { outer }: FrameFields): Change[] {
  const address = outer?.ip?.dst;
  if (outer === undefined || outer === null || address === undefined || address === null) return [];
  const vid = outer.tags[0]?.id ?? null;
  const { name } = vtep;
  const changes: Change[] = [];
  if (address !== vtep.local) {
    const value = `${address}/${vtep.prefix}`;
    const words = { path: `vteps.${name}.local`, value, condition: `VTEP ${name} had the address ${address}`, cost: 1 };
    changes.push(changeVtep(vtep, { local: address }, words));
  }
  if (outer.eth_dst !== vtep.mac) {
    const condition = `the MAC of VTEP ${name} were ${outer.eth_dst}`;
    changes.push(
      changeVtep(vtep, { mac: outer.eth_dst }, { path: `vteps.${name}.mac`, value: outer.eth_dst, condition, cost: 1 }),
    );
  }
  if (vid !== vtep.vlan) {
    const condition =
      vid === null ? `the underlay of VTEP ${name} were untagged` : `the underlay of VTEP ${name} were VLAN ${vid}`;
    const value = vid === null ? null : String(vid);
    changes.push(changeVtep(vtep, { vlan: vid }, { path: `vteps.${name}.vlan`, value, condition, cost: 1 }));
  }
  return changes;
}

function allowed(vtep: VtepConfig, { outer }: FrameFields): Change[] {
  const peer = outer?.ip?.src;
  if (peer === undefined) return [];
  const peers = [...vtep.peers, peer];
  return [
    changeVtep(
      vtep,
      { peers },
      {
        path: `vteps.${vtep.name}.peers`,
        value: `[${peers.join(', ')}]`,
        condition: `${peer} were among the peers of VTEP ${vtep.name}`,
        cost: 1,
      },
    ),
  ];
}

/** The VNI on a tunnel: another one for a whole port, one more for a port of many VLANs. */
function carryVni(port: PortConfig, { vxlan }: FrameFields, target: PortConfig | undefined): Change[] {
  const tunnel = port.tunnel!;
  const vni = vxlan?.vni;
  if (vni === undefined) return [];
  const whole = tunnel.vnis.find(({ vid }) => vid === null);
  if (whole !== undefined) {
    const condition = `the VNI of tunnel ${port.name} were ${vni} instead of ${whole.vni}`;
    return [withVnis(port, [{ vid: null, vni }], { path: 'vni', value: String(vni), condition })];
  }
  const taken = new Set(tunnel.vnis.map(({ vid }) => vid));
  const wanted = target === undefined ? [] : target.members.map(({ vid }) => vid);
  const vids = [...new Set([...wanted, ...tunnel.vnis.map(({ vid }) => vid!)])].slice(0, FEW);
  return vids.map((vid) => {
    const others = tunnel.vnis.filter((each) => each.vid !== vid);
    const was = taken.has(vid) ? ` instead of ${tunnel.vnis.find((each) => each.vid === vid)!.vni}` : '';
    const vnis = [...others, { vid, vni }].sort((a, b) => a.vid! - b.vid!);
    const condition = `VLAN ${vid} were VNI ${vni}${was} on tunnel ${port.name}`;
    return withVnis(port, vnis, { path: `vnis.${vid}`, value: String(vni), condition });
  });
}

/** One more VLAN in the tunnel. Its VNI is the other side's choice, too: the next one that is free stands for it. */
export function mapVlan(port: PortConfig, vid: number): Change {
  const { vnis } = port.tunnel!;
  const vni = Math.max(...vnis.map((each) => each.vni)) + 1;
  const all = [...vnis, { vid, vni }].sort((a, b) => (a.vid ?? 0) - (b.vid ?? 0));
  const condition = `VLAN ${vid} had a VNI (${vni}, say) on tunnel ${port.name}`;
  return withVnis(port, all, { path: `vnis.${vid}`, value: String(vni), condition });
}

function withVnis(port: PortConfig, vnis: VniConfig[], words: Pick<Change, 'path' | 'value' | 'condition'>): Change {
  const mapped = vnis.flatMap(({ vid }) => (vid === null ? [] : [{ vid, untagged: true }]));
  const members = vnis.some(({ vid }) => vid === null) ? port.members : mapped;
  return changePort(
    port,
    { tunnel: { ...port.tunnel!, vnis }, members },
    {
      ...words,
      path: `ports.${port.name}.vxlan.${words.path}`,
      cost: 1,
    },
  );
}

/** Entries that say where an address is behind a tunnel. */
export function tunnelEntryChanges({ config, file }: Situation, mac: string): Change[] {
  return config.vxlanEntries
    .filter((entry) => entry.mac === mac && entry.kind === 'blackhole')
    .map((entry) => ({
      path: `vxlanFdb[${file.vxlanEntries.indexOf(entry)}]`,
      value: null,
      condition: `${mac} had no ${entry.kind} entry on tunnel ${entry.port}`,
      cost: 1,
      make: (s) => {
        const vxlanEntries = s.config.vxlanEntries.filter((each) => each !== entry);
        return { ...s, config: { ...s.config, vxlanEntries } };
      },
    }));
}

/** The MAC of a remote is not known: neighbors that are configured may be the way to it, or be meant in its place. */
function reachRemotes({ config }: Situation, port: PortConfig): Change[] {
  const tunnel = port.tunnel!;
  const vtep = config.vteps.find(({ name }) => name === tunnel.vtep);
  if (vtep === undefined) return [];
  const known = vtep.neighbors.map(({ address }) => address);
  const lost = tunnel.remotes.filter((remote) => !known.includes(remote)).slice(0, FEW);
  return lost.flatMap((remote) =>
    known.slice(0, FEW).flatMap((via) => {
      const to = `${remote}/${remote.includes(':') ? 128 : 32}`;
      const routes = [...vtep.routes, { to, via }];
      const routeWords = {
        path: `vteps.${vtep.name}.routes[]`,
        value: `{ to: '${to}', via: '${via}' }`,
        condition: `VTEP ${vtep.name} had a route to ${remote} via ${via}`,
        cost: 1,
      };
      const remotes = tunnel.remotes.map((each) => (each === remote ? via : each));
      const remoteWords = {
        path: `ports.${port.name}.vxlan.remotes`,
        value: `[${remotes.join(', ')}]`,
        condition: `the remote of tunnel ${port.name} were ${via} instead of ${remote}`,
        cost: 1,
      };
      return [
        changePort(port, { tunnel: { ...tunnel, remotes } }, remoteWords),
        changeVtep(vtep, { routes }, routeWords),
      ];
    }),
  );
}

/** Remotes that the VTEP knows from elsewhere, or those that are there. */
function floodTo({ config }: Situation, port: PortConfig): Change[] {
  const tunnel = port.tunnel!;
  if (tunnel.flood === 'none' && tunnel.remotes.length > 0) {
    return [set(port, 'flood', 'head-end', `tunnel ${port.name} flooded to its remotes`)];
  }
  const vtep = config.vteps.find(({ name }) => name === tunnel.vtep);
  const others = config.ports.flatMap((each) => (each.tunnel?.vtep === tunnel.vtep ? each.tunnel.remotes : []));
  const known = [...new Set([...(vtep?.peers ?? []), ...others])].filter((each) => !tunnel.remotes.includes(each));
  return known.slice(0, FEW).map((remote) => {
    const remotes = [...tunnel.remotes, remote];
    return changePort(
      port,
      { tunnel: { ...tunnel, remotes } },
      {
        path: `ports.${port.name}.vxlan.remotes`,
        value: `[${remotes.join(', ')}]`,
        condition: `${remote} were among the remotes of tunnel ${port.name}`,
        cost: 1,
      },
    );
  });
}

/** The link of a VTEP takes what the tunnel makes of a frame. */
export function longerPath(s: Situation, port: PortConfig, bytes: number): Change[] {
  return vtepsOf(s, [port]).flatMap((vtep) => {
    const mtu = bytes + (vtep.local.includes(':') ? OVERHEAD6 : OVERHEAD4);
    if (mtu <= vtep.mtu || mtu > MAX_MTU) return [];
    return [vtepKey(vtep, 'mtu', mtu, `the MTU of VTEP ${vtep.name} were ${mtu} instead of ${vtep.mtu}`)];
  });
}

/** A VNI stands for another VLAN. */
export function remapVni(port: PortConfig, from: number, to: number): Change[] {
  const entry = port.tunnel?.vnis.find(({ vid }) => vid === from);
  if (entry === undefined) return [];
  const others = port.tunnel!.vnis.filter(({ vid }) => vid !== from && vid !== to);
  const vnis = [...others, { vid: to, vni: entry.vni }].sort((a, b) => a.vid! - b.vid!);
  const condition = `VNI ${entry.vni} were VLAN ${to} instead of ${from} on tunnel ${port.name}`;
  return [withVnis(port, vnis, { path: `vnis.${to}`, value: String(entry.vni), condition })];
}

function set<K extends keyof TunnelConfig>(
  port: PortConfig,
  key: K,
  value: TunnelConfig[K] & string,
  condition: string,
): Change {
  const path = `ports.${port.name}.vxlan.${key}`;
  return changePort(port, { tunnel: { ...port.tunnel!, [key]: value } }, { path, value, condition, cost: 1 });
}

function vtepKey<K extends keyof VtepConfig>(
  vtep: VtepConfig,
  key: K,
  value: VtepConfig[K] & (string | number | boolean),
  condition: string,
): Change {
  const words = { path: `vteps.${vtep.name}.${key}`, value: String(value), condition, cost: 1 };
  return changeVtep(vtep, { [key]: value } as Partial<VtepConfig>, words);
}

function changeVtep(vtep: VtepConfig, patch: Partial<VtepConfig>, words: Omit<Change, 'make'>): Change {
  const change = (each: VtepConfig) => (each.name === vtep.name ? { ...each, ...patch } : each);
  return { ...words, make: (s) => ({ ...s, config: { ...s.config, vteps: s.config.vteps.map(change) } }) };
}
