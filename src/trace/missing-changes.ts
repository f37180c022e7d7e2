/**
 * What the router lacks for a packet: the gateway of its sender's subnet, an interface or an address in the subnet of its destination.
 *
 * Of a subnet that no interface has only hosts are known. Its length is the usual one (24, 64), a longer one where that would meet
 * other subnets of the VRF, and the address of the interface is its first that no host of the packet has.
 */

import { isHost, isLinkLocal, macFrom } from '../config/routing.ts';
import type { InterfaceConfig, PortConfig, SwitchConfig } from '../config/types.ts';
import { addressBytes, addressText, masked, sameBytes, sharePrefix } from '../wire/address.ts';
import type { Change } from './change.ts';
import { type Frame, type PacketFields, packetOf } from './frame-fields.ts';
import { changeInterface, covers } from './interface-changes.ts';
import { FEW, vidsOf } from './port-changes.ts';
import type { Situation } from './situation.ts';
import type { Trace } from './types.ts';

/** Usual length of a subnet, and the longest that has room for a host and its gateway. */
const LENGTHS: Readonly<Record<number, readonly [number, number]>> = { 4: [24, 30], 16: [64, 126] };
const DEFAULT_VRF = 'default';
const MTU = 1500;

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
    const address = addressFor(config, vrf, packet.src, packet.dst);
    return address === null
      ? []
      : [addInterface(config, { bridge: port.bridge!, vid, vrf, address, mac: frame.dst }, 1)];
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
      const address = addressFor(config, by.vrf, packet.dst, packet.src);
      return address === null ? [] : [addInterface(config, { bridge, vid, vrf: by.vrf, address, mac: null }, 2)];
    }
    if (there.vrf !== by.vrf) return [];
    return [...wider(config, there, packet.dst), ...anotherAddress(config, there, packet)];
  });
}

/** VLANs of the target; without one, those of the switch that have no interface. */
function vlansFor({ config }: Situation, target: PortConfig | undefined): [string, number][] {
  const ports = target === undefined ? config.ports : [target];
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
  const address = addressFor(config, by.vrf, dst, src);
  if (address === null) return [];
  const addresses = [...by.addresses, address];
  const condition = `interface ${by.name} had the address ${address}`;
  return [
    { ...changeInterface(by, { addresses }, { key: 'addresses', value: listed(addresses), condition }), cost: 2 },
  ];
}

interface NewInterface {
  bridge: string;
  vid: number;
  vrf: string;
  address: string;
  /** Null: the one that its name makes. */
  mac: string | null;
}

function addInterface(config: SwitchConfig, { bridge, vid, vrf, address, mac }: NewInterface, cost: number): Change {
  const names = new Set([...config.ports, ...config.interfaces].map((each) => each.name));
  let name = `vlan${vid}`;
  while (names.has(name)) name = `svi-${name}`;
  const added: InterfaceConfig = {
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
    condition: `VLAN ${vid} had an interface with the address ${address}${withMac}${vrf === DEFAULT_VRF ? '' : `, in VRF ${vrf}`}`,
    cost,
    make: (s) => ({ ...s, config: { ...s.config, interfaces: [...s.config.interfaces, added] } }),
  };
}

/** `address/length` of an interface in the subnet of `host`; null where none is free. */
function addressFor(config: SwitchConfig, vrf: string, host: Uint8Array, apart: Uint8Array): string | null {
  const [usual, longest] = LENGTHS[host.length];
  for (let length = usual; length <= longest; length++) {
    if (sharePrefix(host, apart, length) || meets(config, vrf, host, length)) continue;
    for (const last of [1, 2]) {
      const address = masked(host, length);
      address[address.length - 1] |= last;
      if (!sameBytes(address, host)) return `${addressText(address)}/${length}`;
    }
  }
  return null;
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

function isRoutable(address: Uint8Array): boolean {
  return isHost(address) && !isLinkLocal(address);
}

function isStation(mac: string): boolean {
  return (Number.parseInt(mac.slice(0, 2), 16) & 1) === 0;
}

function listed(addresses: readonly string[]): string {
  return `[${addresses.map((each) => (each.includes(':') ? `'${each}'` : each)).join(', ')}]`;
}
