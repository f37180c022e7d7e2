/**
 * What the router lacks for a packet: the gateway of its sender's subnet, an interface or an address in the subnet of its destination.
 *
 * Of a subnet that no interface has only hosts are known. Its length is that of `classify` where it says one, else a guess, which is said: what
 * most interfaces have or the usual one (24, 64), a longer one where that would meet other subnets of the VRF. The address of the interface is its
 * first that no host of the packet has.
 */

import { isHost, isLinkLocal, macFrom } from '../../config/routing.ts';
import type { InterfaceConfig } from '../../config/types/routing.ts';
import type { PortConfig, SwitchConfig } from '../../config/types.ts';
import { addressBytes, addressText, covers, masked, sameBytes, sharePrefix } from '../../wire/address.ts';
import { type Frame, type PacketFields, packetOf } from '../frame-fields.ts';
import type { Situation } from '../situation.ts';
import type { Trace } from '../types.ts';
import type { Change } from './change.ts';
import { changeInterface } from './interface.ts';
import { FEW, vidsOf } from './port.ts';

/** Usual length of a subnet, and the longest that has room for a host and its gateway. */
const LENGTHS: Readonly<Record<number, readonly [number, number]>> = { 4: [24, 30], 16: [64, 126] };
export const DEFAULT_VRF = 'default';
const MTU = 1500;
/** Addresses of a subnet that are tried for its gateway. */
const MOST_TRIED = 16;

/** The packet is for another subnet and its MAC is nobody's: the VLAN has no interface, which might be meant. */
export function missingGateway({ config }: Situation, trace: Trace, port: PortConfig, frame: Frame): Change[] {
  const packet = packetOf(frame.bytes);
  const known = trace.stages.find(({ stage }) => stage === 'lookup')?.entry ?? null;
  if (packet === null || trace.vid === null || port.bridge === null || frame.routed !== null || known !== null)
    return [];
  if (!isStation(frame.dst) || !isRoutable(packet.src) || !isRoutable(packet.dst)) return [];
  const vid = primaryOf(config, port.bridge, trace.vid);
  const taken = config.interfaces.some(
    (each) => each.mac === frame.dst || (each.bridge === port.bridge && each.vid === vid),
  );
  if (taken) return [];
  // What the sender shares a subnet with needs no gateway.
  const [length] = LENGTHS[packet.src.length];
  if (sharePrefix(packet.src, packet.dst, length)) return [];
  const vrfs = new Set([DEFAULT_VRF, ...config.interfaces.map(({ vrf }) => vrf)]);
  return [...vrfs].slice(0, FEW).flatMap((vrf) => {
    const found = addressFor(config, { bridge: port.bridge!, vid, vrf }, packet.src, packet.dst);
    return found === null
      ? []
      : [addInterface(config, { bridge: port.bridge!, vid, vrf, ...found, mac: frame.dst }, 1)];
  });
}

/** No route: the packet came to interface `by`, and the VLAN of the target has no interface with an address in its subnet. */
export function missingWay(
  s: Situation,
  by: InterfaceConfig,
  packet: PacketFields,
  target: PortConfig | undefined,
): Change[] {
  const { config } = s;
  if (!isRoutable(packet.dst)) return [];
  return vlansFor(s, target).flatMap(([bridge, vid]) => {
    const there = config.interfaces.find((each) => each.bridge === bridge && each.vid === vid);
    if (there === undefined) {
      const place = { bridge, vid, vrf: by.vrf };
      const found = addressFor(config, place, packet.dst, packet.src);
      return found === null ? [] : [addInterface(config, { ...place, ...found, mac: null }, 2)];
    }
    if (there.vrf !== by.vrf) return [];
    return [...wider(config, there, packet.dst), ...anotherAddress(config, there, packet)];
  });
}

/** VLANs of the target; without one, those of the switch that have no interface. What a mirror's output is in does not count. */
function vlansFor({ config }: Situation, target: PortConfig | undefined): [string, number][] {
  const outputs = config.mirrors.map(({ output }) => output);
  const ports = target === undefined ? config.ports.filter(({ name }) => !outputs.includes(name)) : [target];
  const all = ports.flatMap((port) =>
    port.bridge === null ? [] : vidsOf(port).map((vid) => ofPrimary(port.bridge!, vid)),
  );
  const seen = new Set<string>();
  const vlans = all.filter(([bridge, vid]) => {
    const key = `${bridge} ${vid}`;
    const isNew = !seen.has(key);
    seen.add(key);
    return (
      isNew && (target !== undefined || !config.interfaces.some((each) => each.bridge === bridge && each.vid === vid))
    );
  });
  return vlans.slice(0, FEW);

  function ofPrimary(bridge: string, vid: number): [string, number] {
    return [bridge, primaryOf(config, bridge, vid)];
  }
}

function primaryOf(config: SwitchConfig, bridge: string, vid: number): number {
  const vlan = config.bridges.find(({ name }) => name === bridge)?.vlans.find((each) => each.vid === vid);
  return vlan?.secondary?.primary ?? vid;
}

/** The address of the interface stays, its subnet reaches as far as the destination. */
function wider(config: SwitchConfig, by: InterfaceConfig, destination: Uint8Array): Change[] {
  const [usual] = LENGTHS[destination.length];
  return by.addresses.flatMap((prefix, i) => {
    const [text, length] = prefix.split('/');
    const own = addressBytes(text)!;
    const isNear = own.length === destination.length && Number(length) > usual && sharePrefix(own, destination, usual);
    if (!isNear || sameBytes(own, destination) || meets(config, by.vrf, own, usual, prefix)) return [];
    const addresses = by.addresses.with(i, `${text}/${usual}`);
    const condition = `the subnet of interface ${by.name} were ${text}/${usual} instead of ${prefix}`;
    return [changeInterface(by, { addresses }, { key: 'addresses', value: listed(addresses), condition })];
  });
}

function anotherAddress(config: SwitchConfig, by: InterfaceConfig, { dst, src }: PacketFields): Change[] {
  const found = by.vid === null ? null : addressFor(config, { ...by, vid: by.vid }, dst, src);
  if (found === null) return [];
  const addresses = [...by.addresses, found.address];
  const condition = `interface ${by.name} had the address ${found.address}${found.guess}`;
  return [
    { ...changeInterface(by, { addresses }, { key: 'addresses', value: listed(addresses), condition }), cost: 2 },
  ];
}

export interface Place {
  bridge: string;
  vid: number;
  vrf: string;
}

interface NewInterface extends Place, Found {
  /** Null: the one that its name makes. */
  mac: string | null;
}

function addInterface(config: SwitchConfig, added: NewInterface, cost: number): Change {
  const { bridge, vid, vrf, address, guess, mac } = added;
  const names = new Set([...config.ports, ...config.interfaces].map((each) => each.name));
  let name = `vlan${vid}`;
  while (names.has(name)) name = `svi-${name}`;
  const lacking: InterfaceConfig = {
    name,
    bridge,
    vid,
    mac: mac ?? macFrom(`${config.name} ${name}`),
    vrf,
    mtu: MTU,
    addresses: [address],
    routerAdvertisements: false,
    proxyArp: false,
    redirects: false,
    dhcpRelay: null,
    detectDuplicates: false,
    neighbors: [],
  };
  const keys = [
    ...(bridge === config.bridges[0].name ? [] : [`bridge: ${bridge}`]),
    `vlan: ${vid}`,
    ...(vrf === DEFAULT_VRF ? [] : [`vrf: ${vrf}`]),
    ...(mac === null ? [] : [`mac: '${mac}'`]),
    `addresses: ${listed([address])}`,
  ];
  const withMac = mac === null ? '' : ` and the MAC ${mac}`;
  return {
    path: `interfaces.${name}`,
    value: `{ ${keys.join(', ')} }`,
    condition: `VLAN ${vid} had an interface with the address ${address}${guess}${withMac}${vrf === DEFAULT_VRF ? '' : `, in VRF ${vrf}`}`,
    cost,
    make: (s) => ({ ...s, config: { ...s.config, interfaces: [...s.config.interfaces, lacking] } }),
  };
}

export interface Found {
  /** `address/length` */
  address: string;
  /** ` (/24 is a guess)`, or nothing. */
  guess: string;
}

/** An interface in the subnet of `host` with its address; null where none is free. `apart`: an address of another subnet. */
export function addressFor(
  config: SwitchConfig,
  { vid, vrf }: Place,
  host: Uint8Array,
  apart: Uint8Array,
): Found | null {
  const [, longest] = LENGTHS[host.length];
  const said = saidLength(config, vid, host);
  const taken = new Set(knownAddresses(config));
  for (let length = said ?? likelyLength(config, host); length <= longest; length++) {
    if (sharePrefix(host, apart, length) || meets(config, vrf, host, length)) continue;
    const own = masked(host, length);
    for (let last = 1; last <= MOST_TRIED; last++) {
      const address = Uint8Array.from(own);
      address[address.length - 1] |= last;
      const guess = length === said ? '' : ` (/${length} is a guess)`;
      const isHosts = sharePrefix(address, own, length) && !isBroadcast(address, length);
      if (isHosts && !sameBytes(address, host) && !taken.has(addressText(address)))
        return { address: `${addressText(address)}/${length}`, guess };
    }
  }
  return null;
}

/** Of hosts that the configuration names. */
function knownAddresses({ interfaces, routes }: SwitchConfig): string[] {
  return [
    ...interfaces.flatMap(({ neighbors, dhcpRelay }) => [
      ...neighbors.map(({ address }) => address),
      ...(dhcpRelay?.servers ?? []),
    ]),
    ...routes.flatMap(({ via }) => via.map(({ address }) => address)),
  ];
}

/** Among the first of its subnet. */
function isBroadcast(address: Uint8Array, length: number): boolean {
  const rest = (1 << Math.min(8, address.length * 8 - length)) - 1;
  return address.length === 4 && (address[3]! & rest) === rest;
}

/** Of the subnet whose frames are of this VLAN. */
function saidLength({ classification }: SwitchConfig, vid: number, host: Uint8Array): number | null {
  const rule = classification.subnets.find((each) => each.vid === vid && covers(each.prefix, host));
  return rule === undefined ? null : Number(rule.prefix.split('/')[1]);
}

/** That of most interfaces, the usual one where they do not agree. */
function likelyLength({ interfaces }: SwitchConfig, host: Uint8Array): number {
  const [usual, longest] = LENGTHS[host.length];
  const counts = new Map<number, number>([[usual, 0]]);
  for (const prefix of interfaces.flatMap(({ addresses }) => addresses)) {
    const [text, its] = prefix.split('/');
    const length = Number(its);
    if (text.includes(':') !== (host.length === 16) || length > longest) continue;
    counts.set(length, (counts.get(length) ?? 0) + 1);
  }
  const most = Math.max(...counts.values());
  return counts.get(usual) === most ? usual : [...counts].find(([, count]) => count === most)![0];
}

/** Whether the subnet overlaps one that the VRF has, `but` aside. */
function meets(
  { interfaces }: SwitchConfig,
  vrf: string,
  host: Uint8Array,
  length: number,
  but: string | null = null,
): boolean {
  return interfaces.some((each) =>
    each.vrf !== vrf
      ? false
      : each.addresses.some((prefix) => {
          const [text, its] = prefix.split('/');
          const own = addressBytes(text)!;
          if (prefix === but || own.length !== host.length) return false;
          return sharePrefix(own, host, Math.min(length, Number(its))) || covers(prefix, host);
        }),
  );
}

export function isRoutable(address: Uint8Array): boolean {
  return isHost(address) && !isLinkLocal(address);
}

function isStation(mac: string): boolean {
  return (Number.parseInt(mac.slice(0, 2), 16) & 1) === 0;
}

function listed(addresses: readonly string[]): string {
  return `[${addresses.map((each) => (each.includes(':') ? `'${each}'` : each)).join(', ')}]`;
}
