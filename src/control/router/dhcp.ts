/**
 * DHCP relay of interfaces (RFC 1542, RFC 3046; RFC 8415 19): what a host of the VLAN asks everybody goes to the servers of
 * the interface by the routing table, and what they answer back to the host.
 *
 * Only configured servers are believed, and an option 82 only from another relay: a host cannot say where it is, nor be a
 * server across the router. In the VLAN itself its broadcasts go on as ever.
 */
import type { DataplaneShared } from '../../dataplane/dataplane.ts';
import { RELAY_REFUSED, RELAY_REPLIES, RELAY_REQUESTS, RELAY_STATS } from '../../tables/router-table.ts';
import { addressBytes, sameBytes } from '../../wire/address.ts';
import { ethernetFrame, udpIpv4, udpIpv6 } from '../../wire/build.ts';
import {
  addRelayOption,
  DHCP_REPLY,
  DHCP_REQUEST,
  dhcpClientMac,
  dhcpFits,
  dhcpHops,
  dhcpOp,
  dhcpRelayIp,
  dhcpWantsBroadcast,
  dhcpYourIp,
  hasRelayOption,
  withoutRelayOption,
  writeDhcpHops,
  writeDhcpRelayIp,
} from '../../wire/dhcp.ts';
import { DHCPV6_CLIENT_PORT, DHCPV6_SERVER_PORT, readRelayReply, relayForward } from '../../wire/dhcpv6.ts';
import { ETHERNET_BYTES, ETHERTYPE_IPV4, isGroupMac, type Mac } from '../../wire/ethernet.ts';
import { ipv4HeaderBytes, ipv4IsFragment, ipv4Protocol, ipv4Src, ipv4TotalBytes, PROTO_UDP } from '../../wire/ipv4.ts';
import { IPV6_ADDRESS_BYTES, IPV6_BYTES, ipv6Next, ipv6PayloadBytes, ipv6SrcAt } from '../../wire/ipv6.ts';
import {
  PORT_DHCP_CLIENT,
  PORT_DHCP_SERVER,
  UDP_BYTES,
  udpBytes,
  udpChecksum,
  udpChecksumOkIpv4,
  udpChecksumOkIpv6,
  udpDst,
  udpFits,
} from '../../wire/udp.ts';
import type { Interface, Waiting } from './model.ts';

/** What it asks of the router. */
export interface RelayAround {
  readonly dp: DataplaneShared;
  readonly byRow: readonly (Interface | undefined)[];
  portName(port: number): string;
  emit(iface: Interface, frame: Uint8Array): void;
  /** Sends an IP packet of the switch itself by the routing table. */
  sendByRoute(vrf: number, packet: Uint8Array): void;
  /** Sends one to an address of the interface's own link. */
  sendOnLink(iface: Interface, address: Uint8Array, packet: Uint8Array, nowMs: number): void;
}

/** RFC 1542 4.1.1. */
const MAX_HOPS = 16;
const BROADCAST_IP = 0xffffffff;
const BROADCAST: Mac = { high: 0xffff, low: -1 };

export class DhcpRelay {
  readonly #around: RelayAround;

  constructor(around: RelayAround) {
    this.#around = around;
  }

  /** Whether an IPv4 packet for everybody or for an own address was for the relay. */
  takes4(packet: Waiting, view: DataView): boolean {
    const ip = ETHERNET_BYTES;
    const end = ip + ipv4TotalBytes(view, ip);
    const off = ip + ipv4HeaderBytes(view, ip);
    if (ipv4Protocol(view, ip) !== PROTO_UDP || ipv4IsFragment(view, ip) || !udpFits(view, off, end)) return false;
    if (udpDst(view, off) !== PORT_DHCP_SERVER || !this.#relays(packet.from!.vrf)) return false;
    if (packet.offload.csum === 0 && !udpChecksumOkIpv4(view, ip, off)) return true;
    const message = payload(packet.frame, view, off);
    const m = new DataView(message.buffer);
    if (!dhcpFits(m)) return true;
    if (dhcpOp(m) === DHCP_REQUEST) this.#request4(packet, message, m);
    else if (dhcpOp(m) === DHCP_REPLY) this.#reply4(packet.from!.vrf, ipv4Src(view, ip), message, m);
    return true;
  }

  #request4({ from, port }: Waiting, message: Uint8Array, m: DataView): void {
    const iface = from!;
    const servers = serversOf(iface, 4);
    const own = ownAddress(iface, 4);
    if (servers.length === 0 || own === null) return;
    const isFirst = dhcpRelayIp(m) === 0;
    if (dhcpHops(m) >= MAX_HOPS || (isFirst && hasRelayOption(message))) {
      this.#count(iface, RELAY_REFUSED);
      return;
    }
    writeDhcpHops(m, dhcpHops(m) + 1);
    let told = message;
    if (isFirst) {
      writeDhcpRelayIp(m, wordOf(own));
      if (iface.config.dhcpRelay?.option82 === true)
        told = addRelayOption(message, this.#circuit(iface, port), macBytes(iface.mac));
    }
    this.#count(iface, RELAY_REQUESTS);
    for (const server of servers) {
      const packet = udpIpv4({ src: wordOf(own), dst: wordOf(server) }, PORT_DHCP_SERVER, PORT_DHCP_SERVER, told);
      this.#around.sendByRoute(iface.vrf, packet);
    }
  }

  #reply4(vrf: number, server: number, message: Uint8Array, m: DataView): void {
    const giaddr = dhcpRelayIp(m);
    const iface = this.#around.byRow.find(
      (each) => each?.vrf === vrf && each.config.dhcpRelay !== null && wordOf(ownAddress(each, 4)) === giaddr,
    );
    if (iface === undefined) return;
    if (!serversOf(iface, 4).some((each) => wordOf(each) === server)) {
      this.#count(iface, RELAY_REFUSED);
      return;
    }
    const your = dhcpYourIp(m);
    const mac = dhcpClientMac(m);
    const toAll = your === 0 || dhcpWantsBroadcast(m) || isGroupMac(mac.high);
    const packet = udpIpv4(
      { src: giaddr, dst: toAll ? BROADCAST_IP : your },
      PORT_DHCP_SERVER,
      PORT_DHCP_CLIENT,
      withoutRelayOption(message),
    );
    this.#count(iface, RELAY_REPLIES);
    this.#around.emit(iface, ethernetFrame({ dst: toAll ? BROADCAST : mac, src: iface.mac }, ETHERTYPE_IPV4, packet));
  }

  /** The same for IPv6. */
  takes6(packet: Waiting, view: DataView, nowMs: number): boolean {
    const ip = ETHERNET_BYTES;
    const off = ip + IPV6_BYTES;
    const end = off + ipv6PayloadBytes(view, ip);
    if (ipv6Next(view, ip) !== PROTO_UDP || !udpFits(view, off, end)) return false;
    if (udpDst(view, off) !== DHCPV6_SERVER_PORT || !this.#relays(packet.from!.vrf)) return false;
    const whole = packet.offload.csum !== 0 || (udpChecksum(view, off) !== 0 && udpChecksumOkIpv6(view, ip, off));
    if (!whole) return true;
    const message = payload(packet.frame, view, off);
    const source = packet.frame.slice(ipv6SrcAt(ip), ipv6SrcAt(ip) + IPV6_ADDRESS_BYTES);
    const reply = readRelayReply(message);
    if (reply === null) {
      this.#request6(packet.from!, message, source);
      return true;
    }
    const name = reply.interfaceId === null ? null : new TextDecoder().decode(reply.interfaceId);
    const iface = this.#around.byRow.find((each) => each?.vrf === packet.from!.vrf && each.name === name);
    if (iface === undefined) return true;
    if (!serversOf(iface, 16).some((each) => sameBytes(each, source))) {
      this.#count(iface, RELAY_REFUSED);
      return true;
    }
    const own = iface.neighbors.own.find(({ bytes }) => bytes.length === 16 && bytes[0] === 0xfe);
    const port = reply.nested ? DHCPV6_SERVER_PORT : DHCPV6_CLIENT_PORT;
    this.#count(iface, RELAY_REPLIES);
    const answer = udpIpv6({ src: own!.bytes, dst: reply.peer }, DHCPV6_SERVER_PORT, port, reply.message);
    this.#around.sendOnLink(iface, reply.peer, answer, nowMs);
    return true;
  }

  #request6(iface: Interface, message: Uint8Array, source: Uint8Array): void {
    const servers = serversOf(iface, 16);
    const own = ownAddress(iface, 16);
    if (servers.length === 0 || own === null) return;
    const told = relayForward(message, own, source, new TextEncoder().encode(iface.name));
    this.#count(iface, told === null ? RELAY_REFUSED : RELAY_REQUESTS);
    if (told === null) return;
    for (const server of servers) {
      this.#around.sendByRoute(
        iface.vrf,
        udpIpv6({ src: own, dst: server }, DHCPV6_SERVER_PORT, DHCPV6_SERVER_PORT, told),
      );
    }
  }

  #relays(vrf: number): boolean {
    return this.#around.byRow.some((each) => each?.vrf === vrf && each.config.dhcpRelay !== null);
  }

  /** Where the host is, as option 82 tells it: port and VLAN. */
  #circuit(iface: Interface, port: number | undefined): Uint8Array {
    const name = port === undefined ? iface.name : this.#around.portName(port);
    return new TextEncoder().encode(iface.config.vid === null ? name : `${name}:${iface.config.vid}`);
  }

  #count(iface: Interface, stat: number): void {
    this.#around.dp.router.relayed[iface.row * RELAY_STATS + stat]++;
  }
}

function payload(frame: Uint8Array, view: DataView, off: number): Uint8Array {
  return frame.slice(off + UDP_BYTES, off + udpBytes(view, off));
}

function serversOf(iface: Interface, bytes: 4 | 16): Uint8Array[] {
  const servers = iface.config.dhcpRelay?.servers ?? [];
  return servers.map((text) => addressBytes(text)!).filter((each) => each.length === bytes);
}

/** The interface's first address of the family, which tells a server the subnet. */
function ownAddress(iface: Interface, bytes: 4 | 16): Uint8Array | null {
  return (
    iface.neighbors.own.find((own) => own.bytes.length === bytes && own.bytes[0] !== 0xfe && own.state === 'used')
      ?.bytes ?? null
  );
}

function wordOf(address: Uint8Array | null): number {
  return address === null ? -1 : new DataView(address.buffer, address.byteOffset).getUint32(0);
}

function macBytes({ high, low }: Mac): Uint8Array {
  return Uint8Array.of(high >>> 8, high, low >>> 24, low >>> 16, low >>> 8, low);
}
