/**
 * The switch on the test bench: a real `SwitchCore` with a clock that only the scenario moves, and a memory adapter
 * behind every port that collects what leaves.
 *
 * The hash seed is fixed, so that two runs are the same to the byte. Nothing here judges.
 */

import { MemoryAdapter } from '../adapters/memory.ts';
import { addMirror } from '../control/mirror-control.ts';
import type { PortSettings } from '../control/model.ts';
import { slotsInUse } from '../dataplane/arena.ts';
import {
  DELIVERED,
  FLOOD_COPIES,
  fidLedger,
  MIRROR_COPIES,
  PORT_COUNTERS,
  portLedger,
  RX_FRAMES,
  TX_FRAMES,
} from '../dataplane/counters.ts';
import { SwitchCore } from '../runtime/core.ts';
import type { VxlanSize } from '../tables/vxlan-tables.ts';
import { VxlanBench } from './bench-vxlan.ts';
import type { BridgeSpec, PortSpec, Scenario } from './format.ts';

export interface Captured {
  port: string;
  bytes: Buffer;
}

const SEED = 0x5eed;
/** Any time will do; not zero, so that nothing is mistaken for "never". */
const START_MS = 1_000_000;
/** What a sender waits for an answer: the settling time of the format. */
const SETTLE_MS = 100;
/** A long wait is done in pieces of a day or so: times are 32 bits, and the longest ageing time is 12 days. */
const TICK_MS = 100_000_000;

export class Bench {
  readonly core: SwitchCore;
  readonly bridges = new Map<string, BridgeSpec>();
  readonly ports = new Map<string, PortSpec>();
  /** Null: the file has no underlay. */
  readonly vxlan: VxlanBench | null = null;
  /** Ports whose own list of VLANs has been used: it is what a port starts with, not what it comes back with. */
  readonly #started = new Set<string>();
  readonly #adapters = new Map<string, MemoryAdapter>();
  #captured: Captured[] = [];
  #sent = 0;
  #left = 0;
  /** A port came back under a number that was another's: sums over port rows are then too small. */
  #rowsReused = false;
  #nowMs = START_MS;

  /** `burst` frames at most are forwarded together. Throws ControlError when the switch refuses the topology. */
  constructor(scenario: Scenario, burst: number) {
    this.core = new SwitchCore({
      nowMs: () => this.#nowMs,
      ports: Math.max(32, scenario.ports.length + 1),
      bridges: scenario.bridges.length + 1,
      fids: mostVlans(scenario),
      seed: SEED,
      smallSlots: 512,
      largeSlots: 32,
      batch: burst,
      vxlan: vxlanRoom(scenario),
    });
    const { control } = this.core;
    for (const spec of scenario.bridges) {
      this.bridges.set(spec.name, { ...spec });
      control.addBridge(spec.name, {
        type: spec.type,
        // Each kind of bridge filters what 802.1Q lists for it.
        reservedMac: spec.type === 's-vlan' ? 's-vlan' : 'c-vlan',
        learning: spec.learning,
        unknownUnicastFlood: spec.unknownUnicastFlood,
        broadcastFlood: spec.broadcastFlood,
      });
      for (const [vid, secondary] of spec.secondaries) {
        control.addVlan(spec.name, secondary.primary);
        control.addVlan(spec.name, vid, { secondary });
      }
      this.writeFdbSettings(spec.name);
    }
    const { underlay } = scenario;
    if (underlay !== null) {
      control.addPort(underlay.port, null, { mtu: underlay.mtu });
      this.#adopt(underlay.port);
      this.vxlan = new VxlanBench(control, underlay, scenario.anyPeer);
    }
    for (const spec of scenario.ports) {
      this.ports.set(spec.name, spec);
      this.addPort(spec.name);
      if (spec.bridge !== null) this.join(spec.name, spec.bridge);
    }
    for (const { name, mirrors } of scenario.bridges) {
      mirrors.forEach((mirror, i) => {
        addMirror(control, { name: `${name}-${i}`, bridge: name, ...mirror });
      });
    }
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  /** Ageing and limits of a bridge as its spec says. */
  writeFdbSettings(name: string): void {
    const spec = this.bridges.get(name)!;
    const { fdb } = this.core.control.bridge(name).settings;
    const maxEntries = spec.fdbMaxLearned === 0 ? fdb.maxEntries : spec.fdbMaxLearned;
    this.core.control.setBridge(name, {
      fdb: { ...fdb, ageSeconds: spec.ageSeconds, maxEntries, overflow: spec.overflow },
    });
  }

  // ---- ports

  /** Makes the port, with its link up, in no bridge. */
  addPort(name: string): void {
    const { control, dp } = this.core;
    const { index } = control.addPort(name, null, settingsOf(this.ports.get(name)!));
    if (dp.counters.port[index * PORT_COUNTERS + RX_FRAMES] !== 0) this.#rowsReused = true;
    const { vxlan, suppress } = this.ports.get(name)!;
    if (vxlan === null) {
      this.#adopt(name);
      return;
    }
    this.vxlan?.addTunnel(name, { ...vxlan, suppress });
    control.setLink(name, true);
  }

  /** Gives a port the tester's end of a link. */
  #adopt(name: string): void {
    const { dp } = this.core;
    const adapter = new MemoryAdapter(
      { mtu: 65_535 },
      { arena: dp.arena, events: { link: () => {}, readable: () => {} } },
    );
    adapter.onFrame = (frame) => {
      this.#captured.push({ port: name, bytes: Buffer.from(frame) });
      return true;
    };
    this.#adapters.set(name, adapter);
    this.core.attach(name, adapter);
  }

  removePort(name: string): void {
    this.core.detach(name);
    this.vxlan?.removeTunnel(name);
    this.core.control.removePort(name);
    this.#adapters.get(name)?.close();
    this.#adapters.delete(name);
    this.#rowsReused = true;
  }

  /** Puts a port into a bridge, as a new member of it: with the flags of the file, and the bridge's default VLAN. */
  join(name: string, bridgeName: string): void {
    const { control } = this.core;
    const spec = this.ports.get(name)!;
    if (!control.ports.has(name)) this.addPort(name);
    control.movePort(name, bridgeName);
    this.vxlan?.settleNeighbors();
    control.setPort(name, settingsOf(spec));
    const bridge = this.bridges.get(bridgeName)!;
    if (bridge.type === 'unaware') return;
    if (spec.tunnel !== null) {
      control.setMember(name, spec.tunnel.svid, true);
      control.setPvid(name, spec.tunnel.svid);
      return;
    }
    const first = !this.#started.has(name);
    this.#started.add(name);
    const byDefault = bridge.defaultPvid === 0 ? [] : [{ vid: bridge.defaultPvid, pvid: true, untagged: true }];
    for (const { vid, pvid, untagged } of (first ? spec.vlans : null) ?? byDefault) {
      // An isolated host sends into its VLAN, and nothing comes to it from there.
      const isHost = pvid && bridge.secondaries.get(vid)?.kind === 'isolated';
      if (!isHost) control.setMember(name, vid, untagged);
      if (pvid) control.setPvid(name, vid);
    }
  }

  // ---- frames and time

  /** Sends the frame `times` over at one moment and lets it settle; returns all that left, in order. */
  send(port: string, frame: Uint8Array, times: number): Captured[] {
    this.#captured = [];
    const adapter = this.#adapters.get(port);
    // Nobody is at the other end of a port that was deleted.
    if (adapter !== undefined) {
      const { index } = this.core.control.port(port);
      for (let done = 0; done < times; ) {
        let pushed = 0;
        while (pushed < this.core.batch.capacity && done + pushed < times && adapter.push(frame)) pushed++;
        if (pushed === 0) throw new Error(`no slot takes a frame of ${frame.length} bytes`);
        for (let polled = 0; polled < pushed; ) polled += this.core.poll(index);
        done += pushed;
      }
      this.#sent += times;
    }
    this.#left += this.#captured.length;
    this.wait(SETTLE_MS);
    return this.#captured;
  }

  /** Lets time pass. */
  wait(ms: number): void {
    for (let left = Math.round(ms); left > 0; left -= TICK_MS) {
      this.#nowMs += Math.min(left, TICK_MS);
      while (!this.core.tick()) {}
    }
  }

  // ---- what has to be true of every switch at any time

  /** What is wrong with the ledger or the arena; null when nothing is. */
  unsound(): string | null {
    const { dp, control } = this.core;
    const { counters } = dp;
    let received = 0;
    let given = 0;
    let transmitted = 0;
    let tunnelled = 0;
    for (let p = 0; p < counters.ports; p++) {
      const at = p * PORT_COUNTERS;
      const isTunnel = control.portByIndex[p]?.tunnel != null;
      // What a tunnel sends and receives does so a second time on the underlay port.
      if (!isTunnel) received += counters.port[at + RX_FRAMES]!;
      given += counters.port[at + DELIVERED]! + counters.port[at + FLOOD_COPIES]! + counters.port[at + MIRROR_COPIES]!;
      transmitted += counters.port[at + TX_FRAMES]!;
      if (isTunnel) tunnelled += counters.port[at + TX_FRAMES]!;
      if (counters.port[at + RX_FRAMES] === 0) continue;
      const row = portLedger(counters, p);
      if (!row.balanced)
        return `the ledger of port ${control.portByIndex[p]?.name ?? p} does not balance: ${show(row)}`;
    }
    for (let fid = 0; fid < counters.fids; fid++) {
      if (fid !== 0 && control.vlanByFid[fid] === undefined) continue;
      const row = fidLedger(counters, fid);
      const vlan = fid === 0 ? 'no VLAN' : `VLAN ${control.vlanByFid[fid]!.vlan.vid}`;
      if (!row.balanced) return `the ledger of ${vlan} does not balance: ${show(row)}`;
    }
    if (!this.#rowsReused) {
      if (received !== this.#sent) return `${this.#sent} frames were sent, ${received} counted as received`;
      const left = transmitted - tunnelled;
      if (left !== this.#left) return `${this.#left} frames left, ${left} counted as transmitted`;
      if (given !== transmitted) return `${given} copies were made, ${transmitted} transmitted`;
    }
    const slots = slotsInUse(dp.arena);
    return slots === 0 ? null : `${slots} arena slots were never freed`;
  }
}

/** VLANs that can ever be there: those of the topology, and one for each change. */
function mostVlans({ bridges, ports, steps }: Scenario): number {
  let most = 2 + 2 * bridges.length;
  for (const { secondaries } of bridges) most += 2 * secondaries.size;
  for (const port of ports) most += port.vlans?.length ?? 1;
  for (const step of steps) if ('operations' in step) most += step.operations.length;
  return most;
}

/** Rows for every VXLAN port and change of the file. */
function vxlanRoom({ ports, steps }: Scenario): VxlanSize {
  const tunnels = ports.filter((port) => port.vxlan !== null);
  let remotes = 64;
  for (const { vxlan } of tunnels) remotes += vxlan!.floodRemotes.length + 2;
  for (const step of steps) if ('operations' in step) remotes += step.operations.length;
  const rows = tunnels.length + 1;
  return { vteps: Math.min(128, rows), vnis: rows, tunnels: rows, remotes, fdbEntries: 4096 };
}

function show(row: object): string {
  return JSON.stringify(row);
}

function settingsOf(spec: PortSpec): Partial<PortSettings> {
  return {
    mode: spec.tunnel === null ? 'hybrid' : 'dot1q-tunnel',
    pvid: null,
    tunnelCvids: spec.tunnel?.cvids ?? null,
    translate: spec.translate,
    acceptFrames: spec.accept,
    ...portFlags(spec),
  };
}

/** Flags of the file as settings of a port. */
export function portFlags(flags: Partial<PortSpec>): Partial<PortSettings> {
  const settings: Partial<PortSettings> = {};
  if (flags.accept !== undefined) settings.acceptFrames = flags.accept;
  if (flags.learning !== undefined) settings.learning = flags.learning;
  if (flags.unknownUnicastFlood !== undefined) settings.unknownUnicastFlood = flags.unknownUnicastFlood;
  if (flags.multicastFlood !== undefined) settings.multicastFlood = flags.multicastFlood;
  if (flags.broadcastFlood !== undefined) settings.broadcastFlood = flags.broadcastFlood;
  if (flags.isolated !== undefined) settings.isolated = flags.isolated;
  if (flags.splitHorizonGroup !== undefined) settings.splitHorizonGroup = flags.splitHorizonGroup;
  if (flags.state !== undefined) settings.state = flags.state;
  if (flags.mtu !== undefined) settings.mtu = flags.mtu;
  return settings;
}
