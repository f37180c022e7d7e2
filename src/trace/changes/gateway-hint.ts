/**
 * What to say of a frame that stays in its VLAN by its nature and is meant for a host elsewhere: no setting would be right that has it switched
 * there. ARP and neighbor discovery ask in one broadcast domain; a host in another one is reached through a gateway, an interface of the router.
 */

import { isLinkLocal } from '../../config/routing.ts';
import type { InterfaceConfig } from '../../config/types/routing.ts';
import type { PortConfig, SwitchConfig } from '../../config/types.ts';
import { addressText, covers, sameBytes } from '../../wire/address.ts';
import { ARP_BYTES, ARP_REQUEST } from '../../wire/arp.ts';
import { ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from '../../wire/ethernet.ts';
import { IPV6_BYTES, NEXT_ICMPV6 } from '../../wire/ipv6.ts';
import { FIRST_TAG, TAG_BYTES } from '../../wire/vlan.ts';
import { packetOf, tagsOf } from '../frame-fields.ts';
import type { Trace } from '../types.ts';
import { addressFor, DEFAULT_VRF, isRoutable, type Place } from './missing.ts';
import { vidsOf } from './port.ts';

/** A question for the MAC of an address. */
interface Asked {
  how: 'ARP' | 'ND';
  from: Uint8Array;
  target: Uint8Array;
}

/** Null where the frame is none of that, or is where it is meant to be. `to`: the port that it should leave by. */
export function gatewayHint(config: SwitchConfig, found: Trace, to: string | null): string | null {
  const { ingressVid: vid, port: name, frame, stages } = found;
  const port = config.ports.find((each) => each.name === name);
  if (port === undefined || port.bridge === null || vid === null) return null;
  if (stages.some(({ stage }) => stage === 'route')) return null;
  const place = { bridge: port.bridge, vid, vrf: DEFAULT_VRF };
  const bytes = Buffer.from(frame.hex, 'hex');
  const asked = askedIn(bytes);
  const target = config.ports.find((each) => each.name === to);
  const isApart = target !== undefined && target.bridge !== null && !sees(config, target, port.bridge, vid);
  const here = interfacesIn(config, port.bridge, vid);
  if (asked === null) {
    if (!isApart && (to !== null || !isElsewhere(config, here, bytes))) return null;
    if (target === undefined) return packetText(config, place, here, bytes);
    return isIp(bytes) ? packetText(config, place, here, bytes) : ipOnly(vid, here, target);
  }
  const there = ofSubnet(config, asked.target);
  if (here.some(({ addresses }) => addresses.some((each) => each.split('/')[0] === addressText(asked.target))))
    return null;
  const isMissed = to === null && there !== undefined && !here.includes(there);
  if (!isApart && !isMissed) return null;
  return `${asked.how} stays in its broadcast domain, VLAN ${vid}: ${wayText(config, place, here, asked)}`;
}

/** A packet for a subnet that another interface has, from a host with a gateway: it may arrive somewhere, but not there. */
function isElsewhere(config: SwitchConfig, here: readonly InterfaceConfig[], bytes: Buffer): boolean {
  const packet = packetOf(bytes);
  if (packet === null || (bytes[0]! & 1) === 1) return false;
  const there = ofSubnet(config, packet.dst);
  const hasGateway = here.some(({ addresses }) => addresses.some((each) => covers(each, packet.src)));
  return there !== undefined && !here.includes(there) && hasGateway;
}

/** Of a packet that is not for the MAC of an interface. */
function packetText(
  config: SwitchConfig,
  place: Place,
  here: readonly InterfaceConfig[],
  bytes: Buffer,
): string | null {
  const packet = packetOf(bytes);
  if (packet === null || !isRoutable(packet.src) || !isRoutable(packet.dst)) return null;
  const own = (address: Uint8Array) => (each: InterfaceConfig) =>
    each.addresses.some((prefix) => covers(prefix, address));
  const by = here.find(own(packet.src));
  const begins = 'a packet for another subnet goes to the MAC of its gateway';
  if (by === undefined) return `${begins}: ${wayText(config, place, [], { from: packet.src, target: packet.dst })}`;
  const gateway = by.addresses.find((prefix) => covers(prefix, packet.src))!.split('/')[0];
  return own(packet.dst)(by) ? null : `${begins}: dst=${by.mac}, that of interface ${by.name} with ${gateway}`;
}

function wayText(
  config: SwitchConfig,
  place: Place,
  here: readonly InterfaceConfig[],
  { from, target }: Omit<Asked, 'how'>,
): string {
  const [sender, wanted] = [addressText(from), addressText(target)];
  for (const by of here) {
    const own = by.addresses.find((each) => covers(each, from));
    if (own === undefined) continue;
    const [gateway, length] = own.split('/');
    if (covers(own, target)) {
      const begins = `${sender} takes ${wanted} for a neighbor, both are in ${own}`;
      return isKnown(config, wanted)
        ? `${begins}; hosts in different VLANs need different subnets, and a gateway between them`
        : `${begins}; nobody known has ${wanted}, and the gateway here is ${gateway}, interface ${by.name}. A host in another VLAN needs another subnet`;
    }
    return `${sender} has to ask for its gateway ${gateway} instead, interface ${by.name}, and send it what is for ${wanted}. On the host: an address with /${length}, and \`ip route add default via ${gateway}\``;
  }
  const need = 'hosts there need a gateway for what is in other VLANs';
  const found = addressFor(config, place, from, target);
  if (found === null)
    return `${need}, an interface of VLAN ${place.vid} in the subnet of ${sender}, and ${wanted} has to be in another one`;
  const [gateway] = found.address.split('/');
  return `${need}, an interface of VLAN ${place.vid} in the subnet of ${sender} such as ${found.address}${found.guess}, if nobody has it. On the host: \`ip route add default via ${gateway}\``;
}

function ipOnly(vid: number, [by]: readonly InterfaceConfig[], target: PortConfig): string {
  const gateway = by === undefined ? '' : ` and dst=${by.mac}, the MAC of interface ${by.name}`;
  return `only IP packets go from one VLAN to another, through the router: to ask for one from VLAN ${vid} to ${target.name}, say ip=FROM-TO${gateway}`;
}

function sees(config: SwitchConfig, port: PortConfig, bridge: string, vid: number): boolean {
  const vlans = config.bridges.find(({ name }) => name === bridge)?.vlans ?? [];
  const primary = vlans.find((each) => each.vid === vid)?.secondary?.primary;
  const isShared = (each: number) =>
    each === vid ||
    each === primary ||
    vlans.find((vlan) => vlan.vid === each)?.secondary?.primary === (primary ?? vid);
  return port.bridge === bridge && (port.members.some((each) => isShared(each.vid)) || vidsOf(port).some(isShared));
}

function interfacesIn(config: SwitchConfig, bridge: string, vid: number): InterfaceConfig[] {
  const vlan = config.bridges.find(({ name }) => name === bridge)?.vlans.find((each) => each.vid === vid);
  const primary = vlan?.secondary?.primary ?? vid;
  return config.interfaces.filter((each) => each.bridge === bridge && each.vid === primary);
}

/** Who has an address by configuration. */
function isKnown({ interfaces }: SwitchConfig, address: string): boolean {
  return interfaces.some(({ neighbors }) => neighbors.some((each) => each.address === address));
}

function ofSubnet({ interfaces }: SwitchConfig, address: Uint8Array): InterfaceConfig | undefined {
  return interfaces.find(({ addresses }) => addresses.some((each) => covers(each, address)));
}

const ARP_OPERATION = 6;
const ARP_SENDER = 14;
const ARP_TARGET = 24;
const ND_SOLICITATION = 135;
const ND_TARGET = 8;

function askedIn(frame: Buffer): Asked | null {
  const at = FIRST_TAG + tagsOf(frame).length * TAG_BYTES + 2;
  const type = typeOf(frame);
  if (
    type === ETHERTYPE_ARP &&
    frame.length >= at + ARP_BYTES &&
    frame.readUInt16BE(at + ARP_OPERATION) === ARP_REQUEST
  ) {
    const from = frame.subarray(at + ARP_SENDER, at + ARP_SENDER + 4);
    return asked('ARP', from, frame.subarray(at + ARP_TARGET, at + ARP_TARGET + 4));
  }
  const icmp = at + IPV6_BYTES;
  if (type !== ETHERTYPE_IPV6 || frame.length < icmp + ND_TARGET + 16) return null;
  if (frame[at + 6] !== NEXT_ICMPV6 || frame[icmp] !== ND_SOLICITATION) return null;
  return asked('ND', frame.subarray(at + 8, at + 24), frame.subarray(icmp + ND_TARGET, icmp + ND_TARGET + 16));
}

/** Null for a probe, for who asks for itself, and on the link alone. */
function asked(how: Asked['how'], from: Uint8Array, target: Uint8Array): Asked | null {
  const isProbe = from.every((byte) => byte === 0);
  return isProbe || sameBytes(from, target) || isLinkLocal(from) || isLinkLocal(target) ? null : { how, from, target };
}

function typeOf(frame: Buffer): number {
  const at = FIRST_TAG + tagsOf(frame).length * TAG_BYTES;
  return frame.length < at + 2 ? 0 : frame.readUInt16BE(at);
}

function isIp(frame: Buffer): boolean {
  const type = typeOf(frame);
  return type === ETHERTYPE_IPV4 || type === ETHERTYPE_IPV6;
}
