/**
 * VTEPs as hosts of their underlay, where that is a port of the switch: they answer for their addresses, find the next
 * hop of every remote, answer pings, and believe routers that say how long packets may be.
 *
 * VTEPs of one uplink and VLAN are one host. What it says on its own goes by the clock of the switch, and its answers
 * follow the frame that they answer, so a replay says the same every time.
 */

import { type Batch, RX_TRUNCATED } from '../../dataplane/batch.ts';
import {
  macOfNeighbor,
  neighborUsed,
  resolveNeighbor,
  setStaticNeighbor,
  startNeighbors,
  tickNeighbors,
} from '../../protocols/neighbor.ts';
import { receiveNeighborFrame } from '../../protocols/neighbor-receive.ts';
import { createNeighbors, type NeighborAction, type Neighbors } from '../../protocols/neighbor-state.ts';
import {
  PEER_COUNTERS,
  PEER_TX_FRAMES,
  REMOTE_FLAGS,
  REMOTE_RESOLVED,
  REMOTE_WORDS,
} from '../../tables/remote-table.ts';
import { sumAt } from '../../tables/shared.ts';
import { addressText, sameBytes } from '../../wire/address.ts';
import { parseMac } from '../../wire/ethernet.ts';
import type { Control } from '../control.ts';
import type { Remote, Vtep } from './model.ts';
import { bytesOf, nextHop } from './remotes.ts';
import { answerEcho, readPathMtu } from './underlay-icmp.ts';
import { setNextHop, setPathMtu } from './vtep-control.ts';

/** RFC 1191 section 6.3: a smaller path MTU is forgotten after ten minutes, and found again if it still holds. */
const PATH_MTU_MS = 600_000;
const TPID_C = 0x8100;

/** Sends a frame out of a port; false when there is no room. */
export type Emit = (port: number, frame: Uint8Array) => boolean;

/** One host: the VTEPs of an uplink and VLAN. */
interface Host {
  readonly uplink: string;
  readonly vlan: number | null;
  readonly vteps: Vtep[];
  readonly neighbors: Neighbors<null>;
  started: boolean;
}

export class Underlay {
  readonly #control: Control;
  readonly #emit: Emit;
  #hosts: Host[] = [];
  /** Frames sent to each remote when last looked at: a next hop that is in use is kept fresh. */
  readonly #sent = new Map<Remote, number>();
  /** When the path MTU of a remote was told. */
  readonly #told = new Map<Remote, number>();

  constructor(control: Control, emit: Emit) {
    this.#control = control;
    this.#emit = emit;
    control.vxlan.onUnderlayChanged = () => this.#rebuild();
    control.vxlan.onUplink = (port, up) => this.#link(port, up);
  }

  /** Hosts are made anew when VTEPs come or go; what their neighbors were is asked again when it is needed. */
  #rebuild(): void {
    const before = this.#hosts;
    const hosts = new Map<string, Host>();
    for (const vtep of this.#control.vxlan.vteps.values()) {
      const { settings } = vtep;
      if (settings.underlay !== 'port' || !vtep.owned) continue;
      const key = `${settings.uplink} ${settings.vlan}`;
      const host = hosts.get(key);
      if (host === undefined) hosts.set(key, hostOf(this.#control, vtep));
    }
    this.#hosts = [...hosts.values()].map((host) => before.find((old) => isSame(old, host)) ?? host);
  }

  #link(port: string, up: boolean): void {
    // Coming up is seen by the next tick: what a host says on its own, it says then.
    if (!up) for (const host of this.#hosts) if (host.uplink === port) host.started = false;
  }

  #start(host: Host, nowMs: number): void {
    host.started = true;
    this.#carryOut(host, startNeighbors(host.neighbors, nowMs));
  }

  /** Call about once a second, and when a link has come up. */
  tick(nowMs: number): void {
    for (const host of this.#hosts) {
      if (this.#control.ports.get(host.uplink)?.up !== true) continue;
      if (!host.started) this.#start(host, nowMs);
      this.#carryOut(host, tickNeighbors(host.neighbors, nowMs));
      this.#seek(host, nowMs);
      this.#keepFresh(host, nowMs);
    }
    for (const [remote, since] of this.#told) {
      if ((nowMs - since) >>> 0 < PATH_MTU_MS) continue;
      this.#told.delete(remote);
      if (this.#control.vxlan.remoteByRow[remote.row] === remote) {
        setPathMtu(this.#control, remote.vtep.name, remote.address, null);
      }
    }
  }

  /** Asks for every next hop that is not known. */
  #seek(host: Host, nowMs: number): void {
    const { words } = this.#control.dp.vxlan.remotes;
    for (const vtep of host.vteps) {
      for (const { row, bytes, isGroup } of [...vtep.remotes.values()]) {
        if (isGroup || (words[row * REMOTE_WORDS + REMOTE_FLAGS] & REMOTE_RESOLVED) !== 0) continue;
        const hop = nextHop(vtep, bytes);
        if (hop === null) continue;
        const mac = macOfNeighbor(host.neighbors, hop);
        if (mac !== null) setNextHop(this.#control, vtep, hop, mac);
        else this.#carryOut(host, resolveNeighbor(host.neighbors, hop, null, nowMs));
      }
    }
  }

  #keepFresh(host: Host, nowMs: number): void {
    const { countersOf } = this.#control.dp.vxlan.remotes;
    for (const vtep of host.vteps) {
      for (const remote of vtep.remotes.values()) {
        const sent = sumAt(countersOf, remote.row * PEER_COUNTERS + PEER_TX_FRAMES);
        if (sent === this.#sent.get(remote)) continue;
        this.#sent.set(remote, sent);
        const hop = remote.isGroup ? null : nextHop(vtep, remote.bytes);
        if (hop !== null) neighborUsed(host.neighbors, hop, nowMs);
      }
    }
    for (const remote of this.#sent.keys()) {
      if (this.#control.vxlan.remoteByRow[remote.row] !== remote) this.#sent.delete(remote);
    }
  }

  /** A punted frame: ARP, ND or ICMP on an uplink. */
  punted(memory: Uint8Array, b: Batch, i: number): void {
    if ((b.rxFlags[i] & RX_TRUNCATED) !== 0) return;
    const uplink = this.#control.portByIndex[b.port[i]]?.name;
    const bytes = memory.slice(b.off[i], b.off[i] + b.len[i]);
    const view = new DataView(bytes.buffer);
    const isTagged = view.getUint16(12) === TPID_C;
    const vid = isTagged ? view.getUint16(14) & 0xfff : 0;
    const host = this.#hosts.find((each) => each.uplink === uplink && (each.vlan ?? 0) === vid);
    if (host === undefined) return;
    const frame = isTagged ? untagged(bytes) : bytes;
    this.#receive(host, frame, b.nowMs[i]);
  }

  #receive(host: Host, frame: Uint8Array, nowMs: number): void {
    const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
    const answer = answerEcho(host.neighbors.own, frame);
    if (answer !== null) {
      this.#send(host, answer);
      return;
    }
    const found = readPathMtu(view, frame.length);
    if (found === null) {
      this.#carryOut(host, receiveNeighborFrame(host.neighbors, view, 0, frame.length, nowMs));
      return;
    }
    for (const vtep of host.vteps) {
      const remote = vtep.remotes.get(addressText(found.destination));
      const isOurs = sameBytes(bytesOf(vtep.settings.local), found.source) && vtep.settings.udpPort === found.udpPort;
      if (remote === undefined || !isOurs || found.mtu >= (remote.pathMtu ?? vtep.settings.mtu)) continue;
      setPathMtu(this.#control, vtep.name, remote.address, found.mtu);
      this.#told.set(remote, nowMs);
    }
  }

  #carryOut(host: Host, actions: readonly NeighborAction<null>[]): void {
    for (const action of actions) {
      if (action.do === 'send') this.#send(host, action.frame);
      else if (action.do === 'known' || action.do === 'lost') {
        const mac = action.do === 'known' ? action.mac : null;
        for (const vtep of host.vteps) setNextHop(this.#control, vtep, action.address, mac);
      }
    }
  }

  #send(host: Host, frame: Uint8Array): void {
    const { index } = this.#control.port(host.uplink);
    this.#emit(index, host.vlan === null ? frame : tagged(frame, host.vlan));
  }
}

function hostOf(control: Control, { settings, mac }: Vtep): Host {
  const vteps = [...control.vxlan.vteps.values()].filter(
    ({ settings: its, owned }) => its.uplink === settings.uplink && its.vlan === settings.vlan && owned,
  );
  const addresses = [...new Set(vteps.map(({ settings: its }) => `${its.local}/${its.prefix}`))];
  const neighbors = createNeighbors<null>({
    mac,
    addresses,
    learnRequests: true,
    announcements: control.vxlan.announces ? 1 : 0,
  });
  for (const { settings: its } of vteps) {
    for (const { address, mac: text } of its.neighbors) {
      const found = parseMac(text);
      if (found !== null) setStaticNeighbor(neighbors, address, found);
    }
  }
  return { uplink: settings.uplink, vlan: settings.vlan, vteps, neighbors, started: false };
}

/** The same host, with nothing about it changed that its machine was made of. */
function isSame(a: Host, b: Host): boolean {
  const text = (host: Host) =>
    JSON.stringify([
      host.uplink,
      host.vlan,
      host.neighbors.mac,
      host.vteps.map(({ name, row, settings }) => [name, row, settings.local, settings.prefix, settings.neighbors]),
    ]);
  return text(a) === text(b) && a.vteps.every((vtep, n) => vtep === b.vteps[n]);
}

function tagged(frame: Uint8Array, vid: number): Uint8Array {
  const out = new Uint8Array(frame.length + 4);
  out.set(frame.subarray(0, 12));
  out.set([TPID_C >> 8, TPID_C & 0xff, vid >> 8, vid & 0xff], 12);
  out.set(frame.subarray(12), 16);
  return out;
}

function untagged(frame: Uint8Array): Uint8Array {
  const out = new Uint8Array(frame.length - 4);
  out.set(frame.subarray(0, 12));
  out.set(frame.subarray(16), 12);
  return out;
}
