/**
 * Frames that the router punted: what is answered, what waits for a next hop, what its sender is told.
 *
 * A punted frame is copied out of the arena, without its tag, and looked at again from the start: this is the way of a
 * few, and the data plane says only that a frame is for control and, when it was dropped, why. Answers go back to the
 * MAC that asked, on the interface it asked: they need no route and no ARP, and cannot be sent elsewhere by a lie.
 */

import type { Batch } from '../../dataplane/batch.ts';
import { FID_COUNTERS, GENERATED, PORT_COUNTERS } from '../../dataplane/counters.ts';
import { csumOffset, csumStart } from '../../dataplane/offload/needs.ts';
import { DROP_NONE, REASON_COUNT, ROUTE_UNRESOLVED } from '../../dataplane/reasons.ts';
import { takeSample } from '../../dataplane/samples.ts';
import { answerIpv4, answerIpv6 } from '../../protocols/local-host.ts';
import { resolveNeighbor } from '../../protocols/neighbor.ts';
import { receiveNeighborFrame } from '../../protocols/neighbor-receive.ts';
import { arpAnswer } from '../../protocols/neighbor-send.ts';
import { isOnLink, type NeighborAction, ownOf } from '../../protocols/neighbor-state.ts';
import { lookup4 } from '../../tables/lpm/lpm.ts';
import { PORT_IPVLAN } from '../../tables/port-table.ts';
import { ADJ_FREE, ADJ_GROUP, ADJ_LOCAL } from '../../tables/router-table.ts';
import { addressText } from '../../wire/address.ts';
import {
  ARP_REQUEST,
  arpFits,
  arpOperation,
  arpSenderHigh,
  arpSenderIp,
  arpSenderLow,
  arpTargetIp,
} from '../../wire/arp.ts';
import { ethernetFrame } from '../../wire/build.ts';
import { checksum } from '../../wire/checksum.ts';
import {
  ETHERNET_BYTES,
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  etherType,
  type Mac,
  macHigh,
  macLow,
  writeEtherDst,
  writeEtherSrc,
} from '../../wire/ethernet.ts';
import { fragmentIpv4 } from '../../wire/fragment.ts';
import { icmpv6Type, ND_NEIGHBOR_ADVERTISEMENT, ND_ROUTER_SOLICITATION } from '../../wire/icmpv6.ts';
import { decrementIpv4Ttl, incrementIpv4Ttl, ipv4Dst, ipv4Fits, ipv4TotalBytes } from '../../wire/ipv4.ts';
import {
  IPV6_ADDRESS_BYTES,
  IPV6_BYTES,
  ipv6DstAt,
  ipv6Fits,
  ipv6HopLimit,
  ipv6Next,
  ipv6PayloadBytes,
  isIpv6LinkLocal,
  NEXT_ICMPV6,
  writeIpv6HopLimit,
} from '../../wire/ipv6.ts';
import { ndValid } from '../../wire/nd.ts';
import { solicitedAdvertisement } from './advertise.ts';
import { DhcpRelay } from './dhcp.ts';
import { error4, error6 } from './errors.ts';
import {
  type Around,
  bytesAt,
  type Interface,
  NO_OFFLOAD,
  type Offload,
  rowOfPacket,
  viewOf,
  type Waiting,
  wayOut,
} from './model.ts';
import { redirect4, redirect6 } from './redirect.ts';

const BROADCAST_IP = 0xffffffff;
const NO_TAG = new Uint8Array(0);

/** Gives a frame to the pipeline as if it had arrived on the port. */
export type Send = (port: number, frame: Uint8Array, offload: Offload) => void;

export class RouterPackets {
  readonly #around: Around;
  readonly #send: Send;
  readonly #relay: DhcpRelay;

  constructor(around: Around, send: Send) {
    this.#around = around;
    this.#send = send;
    this.#relay = new DhcpRelay({
      dp: around.dp,
      byRow: around.byRow,
      portName: (port) => around.portName(port),
      emit: (iface, frame) => this.emit(iface, frame),
      sendByRoute: (vrf, packet) => this.#sendByRoute(vrf, packet),
      sendOnLink: (iface, address, packet, nowMs) => this.#sendOnLink(iface, addressText(address), packet, nowMs),
    });
  }

  /** Acts on frame `i` of the batch; `arena` is the memory it lies in. */
  punted(arena: Uint8Array, b: Batch, i: number): void {
    const { dp, byRow } = this.#around;
    const iface = byRow[dp.router.ifaceOf[b.fid[i]]];
    if (iface === undefined) return;
    const tag = b.tagLen[i];
    const frame = new Uint8Array(b.len[i] - tag);
    const off = b.off[i];
    frame.set(arena.subarray(off, off + 12));
    frame.set(arena.subarray(off + 12 + tag, off + b.len[i]), 12);
    // A child of an ipvlan group is in no VLAN: answers to the interface's own MAC are given to it.
    if ((dp.ports.flags[b.port[i]] & PORT_IPVLAN) !== 0) writeEtherSrc(viewOf(frame), 0, iface.mac.high, iface.mac.low);
    const offload = { gso: b.gso[i], csum: b.csum[i] === 0 ? 0 : b.csum[i] - tag };
    const tagged = tag === 0 ? {} : { tag: arena.slice(off + 12, off + 12 + tag) };
    this.#act({ frame, offload, from: iface, port: b.port[i], ...tagged }, b.reason[i], b.nowMs[i]);
  }

  #act(packet: Waiting, reason: number, nowMs: number): void {
    const { frame } = packet;
    const iface = packet.from!;
    const view = viewOf(frame);
    switch (etherType(view, 0)) {
      case ETHERTYPE_ARP:
        this.act(iface, receiveNeighborFrame(iface.neighbors, view, 0, frame.length, nowMs));
        if (iface.config.proxyArp) this.#answerForOthers(iface, view, frame.length);
        return;
      case ETHERTYPE_IPV4:
        if (!ipv4Fits(view, ETHERNET_BYTES, frame.length)) return;
        if (reason !== DROP_NONE) this.#tell(packet, reason);
        else this.#ipv4(packet, view, nowMs);
        return;
      case ETHERTYPE_IPV6:
        if (!ipv6Fits(view, ETHERNET_BYTES, frame.length)) return;
        if (reason !== DROP_NONE) this.#tell(packet, reason);
        else this.#ipv6(packet, view, nowMs);
        return;
      default:
    }
  }

  /** Carries out what a neighbor machine wants. */
  act(iface: Interface, actions: readonly NeighborAction<Waiting>[]): void {
    for (const action of actions) {
      switch (action.do) {
        case 'send':
          this.emit(iface, action.frame);
          break;
        case 'deliver':
          this.#deliver(iface, action.packet, action.mac);
          break;
        case 'drop':
          this.#drop(iface, action.packet, action.cause === 'unresolved');
          break;
        case 'known':
          this.#around.neighborKnown(iface, action.address, action.mac);
          break;
        case 'lost':
          this.#around.neighborLost(iface, action.address);
          break;
        case 'conflict':
          this.#around.addressClaimed(iface, action.address, action.mac);
          break;
        default:
      }
    }
  }

  /** Sends a frame of the interface's own into its VLAN. */
  emit(iface: Interface, frame: Uint8Array, offload: Offload = NO_OFFLOAD): void {
    this.#send(iface.port, frame, offload);
  }

  /** Drops what waits: the interface goes. */
  forget(iface: Interface): void {
    for (const { queue } of iface.neighbors.entries.values()) {
      for (const packet of queue) this.#drop(iface, packet, false);
    }
  }

  #ipv4(packet: Waiting, view: DataView, nowMs: number): void {
    const { rows } = this.#around;
    const iface = packet.from!;
    const ip = ETHERNET_BYTES;
    const { adj } = rows;
    const dst = ipv4Dst(view, ip);
    if (dst === BROADCAST_IP) {
      finishChecksum(packet);
      this.#relay.takes4(packet, view);
      return;
    }
    const row = rowOfPacket(this.#around, iface.vrf, view, ip, packet.frame.length);
    if (adj.kind[row] === ADJ_LOCAL) {
      if (this.#isUnused(iface, bytesAt(view, ip + 16, 4))) return;
      finishChecksum(packet);
      if (!this.#relay.takes4(packet, view)) this.#reply(packet, answerIpv4(view, ip));
      return;
    }
    const to = wayOut(this.#around, row);
    if (to === undefined) return;
    const nextHop = rows.addressOf[row] ?? addressText(bytesAt(view, ip + 16, 4));
    decrementIpv4Ttl(view, ip);
    if (to === iface) this.#reply(packet, redirect4(iface, view, nextHop, nowMs));
    const { mtu } = to.config;
    if (packet.offload.gso >>> 8 !== 0 || ipv4TotalBytes(view, ip) <= mtu) {
      this.act(to, resolveNeighbor(to.neighbors, nextHop, packet, nowMs));
      return;
    }
    finishChecksum(packet);
    for (const piece of fragmentIpv4(packet.frame.subarray(ip), mtu)) {
      const frame = ethernetFrame({ dst: to.mac, src: to.mac }, ETHERTYPE_IPV4, piece);
      this.act(to, resolveNeighbor(to.neighbors, nextHop, { frame, offload: NO_OFFLOAD, from: null }, nowMs));
    }
  }

  #ipv6(packet: Waiting, view: DataView, nowMs: number): void {
    const { rows } = this.#around;
    const iface = packet.from!;
    const ip = ETHERNET_BYTES;
    const { adj } = rows;
    if (this.#isDiscovery(packet, view, nowMs)) return;
    const dst = bytesAt(view, ipv6DstAt(ip), IPV6_ADDRESS_BYTES);
    if (dst[0] === 0xff) {
      finishChecksum(packet);
      this.#relay.takes6(packet, view, nowMs);
      return;
    }
    if (isIpv6LinkLocal(view, ipv6DstAt(ip))) {
      finishChecksum(packet);
      if (ownOf(iface.neighbors, dst) !== undefined) this.#reply(packet, answerIpv6(view, ip));
      return;
    }
    const row = rowOfPacket(this.#around, iface.vrf, view, ip, packet.frame.length);
    if (adj.kind[row] === ADJ_LOCAL) {
      if (this.#isUnused(iface, dst)) return;
      finishChecksum(packet);
      if (!this.#relay.takes6(packet, view, nowMs)) this.#reply(packet, answerIpv6(view, ip));
      return;
    }
    const to = wayOut(this.#around, row);
    if (to === undefined) return;
    const nextHop = rows.addressOf[row] ?? addressText(dst);
    if (to === iface) this.#reply(packet, redirect6(iface, view, nextHop, nowMs));
    writeIpv6HopLimit(view, ip, ipv6HopLimit(view, ip) - 1);
    this.act(to, resolveNeighbor(to.neighbors, nextHop, packet, nowMs));
  }

  /** An own address that is still probed for, or that somebody else has. */
  #isUnused({ vrf }: Interface, address: Uint8Array): boolean {
    return this.#around.byRow.some((each) => {
      const own = each?.vrf === vrf ? ownOf(each.neighbors, address) : undefined;
      return own !== undefined && own.state !== 'used';
    });
  }

  /** Neighbor discovery and router solicitations, also damaged ones. */
  #isDiscovery(packet: Waiting, view: DataView, nowMs: number): boolean {
    const iface = packet.from!;
    const ip = ETHERNET_BYTES;
    const off = ip + IPV6_BYTES;
    const bytes = ipv6PayloadBytes(view, ip);
    if (ipv6Next(view, ip) !== NEXT_ICMPV6 || bytes < 8) return false;
    const type = icmpv6Type(view, off);
    if (type < ND_ROUTER_SOLICITATION || type > ND_NEIGHBOR_ADVERTISEMENT) return false;
    if (type !== ND_ROUTER_SOLICITATION) {
      this.act(iface, receiveNeighborFrame(iface.neighbors, view, 0, packet.frame.length, nowMs));
    } else if (iface.advertiser !== null && ndValid(view, ip, off, bytes)) {
      const advertisement = solicitedAdvertisement(iface.advertiser, nowMs);
      if (advertisement !== null) this.emit(iface, advertisement);
    }
    return true;
  }

  /** Sends an IP packet of the switch itself; nobody is told when it cannot go on. */
  #sendByRoute(vrf: number, packet: Uint8Array): void {
    const { rows } = this.#around;
    const view = viewOf(packet);
    const is4 = view.getUint8(0) >>> 4 === 4;
    const row = rowOfPacket(this.#around, vrf, view, 0, packet.length);
    const to = wayOut(this.#around, row);
    if (to === undefined) return;
    const dst = is4 ? bytesAt(view, 16, 4) : bytesAt(view, ipv6DstAt(0), IPV6_ADDRESS_BYTES);
    this.#sendOnLink(to, rows.addressOf[row] ?? addressText(dst), packet, this.#around.nowMs());
  }

  #sendOnLink(iface: Interface, address: string, packet: Uint8Array, nowMs: number): void {
    const type = packet[0]! >>> 4 === 4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6;
    const frame = ethernetFrame({ dst: iface.mac, src: iface.mac }, type, packet);
    this.act(iface, resolveNeighbor(iface.neighbors, address, { frame, offload: NO_OFFLOAD, from: null }, nowMs));
  }

  #deliver(iface: Interface, { frame, offload }: Waiting, mac: Mac): void {
    const view = viewOf(frame);
    writeEtherDst(view, 0, mac.high, mac.low);
    writeEtherSrc(view, 0, iface.mac.high, iface.mac.low);
    this.emit(iface, frame, offload);
  }

  /** The packet was taken from its sender already: here it is generated and dropped, by the interface it waited at. */
  #drop(iface: Interface, packet: Waiting, tell: boolean): void {
    const { counters } = this.#around.dp;
    counters.port[iface.port * PORT_COUNTERS + GENERATED]++;
    counters.portDrops[iface.port * REASON_COUNT + ROUTE_UNRESOLVED]++;
    counters.fid[iface.fid * FID_COUNTERS + GENERATED]++;
    counters.fidDrops[iface.fid * REASON_COUNT + ROUTE_UNRESOLVED]++;
    this.#sample(iface, packet);
    if (tell && packet.from !== null) this.#tell(packet, ROUTE_UNRESOLVED);
  }

  /** As it came: with its tag, its hop not counted. A packet of the switch itself came by its interface. */
  #sample(iface: Interface, { frame, port = iface.port, from, tag = NO_TAG }: Waiting): void {
    const { dp } = this.#around;
    const bytes = new Uint8Array(frame.length + tag.length);
    bytes.set(frame.subarray(0, 12));
    bytes.set(tag, 12);
    bytes.set(frame.subarray(12), 12 + tag.length);
    const view = viewOf(bytes);
    const ip = ETHERNET_BYTES + tag.length;
    if (from !== null) {
      if (etherType(view, tag.length) === ETHERTYPE_IPV4) incrementIpv4Ttl(view, ip);
      else writeIpv6HopLimit(view, ip, ipv6HopLimit(view, ip) + 1);
    }
    const { fid } = from ?? iface;
    takeSample(dp.samples, view, 0, bytes.length, port, fid, ROUTE_UNRESOLVED, 0, this.#around.nowMs() | 0);
  }

  /** Tells the sender why its packet was dropped. */
  #tell(packet: Waiting, reason: number): void {
    const view = viewOf(packet.frame);
    const tell = etherType(view, 0) === ETHERTYPE_IPV4 ? error4 : error6;
    this.#reply(packet, tell(this.#around, packet.from!, view, reason));
  }

  /** Sends a packet to the MAC that sent `packet`, on the interface it came to. */
  #reply(packet: Waiting, answer: Uint8Array | null): void {
    const iface = packet.from!;
    // It may have gone while the packet waited elsewhere, and another have its port.
    if (answer === null || this.#around.byRow[iface.row] !== iface) return;
    const view = viewOf(packet.frame);
    const dst = { high: macHigh(view, 6), low: macLow(view, 6) };
    this.emit(iface, ethernetFrame({ dst, src: iface.mac }, etherType(view, 0), answer));
  }

  /** Proxy ARP (RFC 1027): an address that is routed to another interface is said to be here. */
  #answerForOthers(iface: Interface, view: DataView, end: number): void {
    const { dp, rows } = this.#around;
    const at = ETHERNET_BYTES;
    if (!arpFits(view, at, end) || arpOperation(view, at) !== ARP_REQUEST) return;
    const [sender, target] = [arpSenderIp(view, at), arpTargetIp(view, at)];
    if (sender === target || !isOnLink(iface.neighbors, bytesAt(view, at + 14, 4))) return;
    const row = lookup4(dp.router.lpm4, iface.vrf, target);
    const kind = rows.adj.kind[row];
    if (kind === ADJ_FREE || kind === ADJ_LOCAL) return;
    const to = kind === ADJ_GROUP ? null : wayOut(this.#around, row);
    if (to === undefined || to === iface) return;
    const asker = { high: arpSenderHigh(view, at), low: arpSenderLow(view, at) };
    this.emit(iface, arpAnswer(iface.mac, target, asker, sender));
  }
}

/**
 * A checksum that the sender left to the device (csum: start | offset << 16) is computed before the packet is read or cut: a
 * host on a TAP sends such packets. 0 would mean "none" in UDP, and its twin is right for TCP as well.
 */
function finishChecksum({ frame, offload: { csum } }: Waiting): void {
  if (csum === 0) return;
  const view = viewOf(frame);
  const start = csumStart(csum);
  const field = start + csumOffset(csum);
  // Columns that do not fit the bytes are nobody's checksum (segment.ts refuses them too).
  if (start < ETHERNET_BYTES || field + 2 > frame.length) return;
  view.setUint16(field, checksum(view, start, frame.length - start) || 0xffff);
}
