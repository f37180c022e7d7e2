/**
 * VXLAN while a configuration is read: VTEPs with their uplinks, tunnels of ports, entries, and everything that has to
 * hold between them. Addresses come out in their one text form.
 */
import { ConfigError, didYouMean, type Path, type Source, show } from './error.ts';
import { canonicalIp, isGroup, isHost, isIpv6, readPrefix } from './ip.ts';
import { Remembered } from './remembered.ts';
import type { RawPort } from './schema/port.ts';
import type { RawConfig } from './schema/schema.ts';
import { MAX_VNI, type RawTunnel, type RawVtep } from './schema/vxlan.ts';
import type { TunnelConfig, VniConfig, VtepConfig } from './types/vxlan.ts';
import { expandVlans } from './vlan-range.ts';
import { readRemote } from './vxlan-entries.ts';

const MAX_VTEPS = 64;
/** Of all tunnels: what the tables can number, with room to grow. */
const MAX_VNIS = 60_000;
const PORT_KEYS = ['uplink', 'mac', 'vlan'] as const;

const remembered = new Remembered<VtepConfig>();

export class Vxlan {
  readonly vteps: VtepConfig[];
  /** VTEP by the port that it sits on. */
  readonly #uplinks = new Map<string, string>();
  readonly #byName = new Map<string, VtepConfig>();
  /** Port by VTEP and VNI. */
  readonly #taken = new Map<string, Map<number, string>>();
  #count = 0;
  readonly #source: Source;

  constructor(config: RawConfig, source: Source) {
    this.#source = source;
    const names = Object.keys(config.vteps);
    if (names.length > MAX_VTEPS) {
      throw this.#error(['vteps'], `there are ${names.length} VTEPs; valid are at most ${MAX_VTEPS}`);
    }
    this.vteps = names.map((name) => {
      const raw = config.vteps[name]!;
      const uplink = config.ports[raw.uplink ?? '']?.adapter;
      const on = [name, uplink, Object.hasOwn(config.ports, name)];
      const vtep = remembered.of(raw, on, () => this.#vtep(name, raw, config));
      this.#refuseTwin(['vteps', name], vtep);
      this.#uplinks.set(vtep.uplink, name);
      this.#byName.set(name, vtep);
      return vtep;
    });
  }

  /** The VTEP that sits on this port, or undefined. */
  ownerOf(port: string): string | undefined {
    return this.#uplinks.get(port);
  }

  /** The address that the VTEP has, or undefined. */
  localOf(vtep: string): string | undefined {
    return this.#byName.get(vtep)?.local;
  }

  #vtep(name: string, raw: RawVtep, config: RawConfig): VtepConfig {
    const path: Path = ['vteps', name];
    const local = readPrefix(raw.local);
    if (local === null)
      throw this.#error([...path, 'local'], `${show(raw.local)} is no address; valid is ADDRESS/LENGTH`);
    const onPort = raw.underlay === 'port';
    if (!isHost(local.address) && (onPort || isGroup(local.address))) {
      throw this.#error([...path, 'local'], `${local.address} is no address of a host`);
    }
    const uplink = onPort ? this.#uplink(name, raw, config) : name;
    if (!onPort) this.#refusePortKeys(name, raw, config);
    if (onPort && raw.interface !== undefined) {
      throw this.#error([...path, 'interface'], '"interface" belongs to the underlays udp and raw-socket; remove it');
    }
    return {
      name,
      underlay: raw.underlay,
      uplink,
      local: local.address,
      prefix: local.bits,
      mac: raw.mac === undefined ? null : this.#hostMac([...path, 'mac'], raw.mac),
      vlan: raw.vlan ?? null,
      udpPort: raw.udpPort,
      mtu: raw.mtu,
      peers: [...new Set(raw.peers.map((peer, n) => this.#remote([...path, 'peers', n], peer, local.address)))],
      anyPeer: raw.allow === 'any',
      nested: raw.nested,
      udp6ZeroChecksum: raw.udp6ZeroChecksum,
      sourcePorts: this.#sourcePorts([...path, 'sourcePorts'], raw.sourcePorts),
      neighbors: Object.entries(raw.neighbors).map(([address, mac]) => ({
        address: this.#remote([...path, 'neighbors', address], address, local.address),
        mac: this.#hostMac([...path, 'neighbors', address], mac),
      })),
      routes: raw.routes.map((route, n) => this.#route([...path, 'routes', n], route, local.address)),
      groupInterface: raw.interface ?? null,
      fdb: { maxEntries: raw.maxEntries, peerMaxEntries: raw.peerMaxEntries, overflow: raw.overflow },
    };
  }

  #uplink(name: string, raw: RawVtep, config: RawConfig): string {
    const path: Path = ['vteps', name, 'uplink'];
    if (raw.uplink === undefined) throw this.#error(path, 'is missing; valid is the name of a port for outer frames');
    const names = Object.keys(config.ports);
    if (!names.includes(raw.uplink)) {
      throw this.#error(path, `there is no port ${show(raw.uplink)}${didYouMean(raw.uplink, names)}`);
    }
    if (config.ports[raw.uplink].adapter === 'vxlan') throw this.#error(path, `port ${raw.uplink} is a tunnel itself`);
    return raw.uplink;
  }

  #refusePortKeys(name: string, raw: RawVtep, config: RawConfig): void {
    const path: Path = ['vteps', name];
    for (const key of PORT_KEYS) {
      if (raw[key] !== undefined) throw this.#error([...path, key], `"${key}" belongs to the underlay port; remove it`);
    }
    if (raw.routes.length !== 0) throw this.#error([...path, 'routes'], 'the kernel routes for sockets; remove them');
    if (Object.keys(raw.neighbors).length !== 0) {
      throw this.#error([...path, 'neighbors'], 'the kernel knows the neighbors of sockets; remove them');
    }
    if (Object.hasOwn(config.ports, name)) {
      throw this.#error(path, `${show(name)} is the name of a port; the VTEP's socket is a port of that name`);
    }
  }

  #refuseTwin(path: Path, vtep: VtepConfig): void {
    for (const other of this.#byName.values()) {
      const sameAddress = other.local === vtep.local && other.udpPort === vtep.udpPort;
      if (sameAddress && other.vlan === vtep.vlan && (other.uplink === vtep.uplink || vtep.underlay !== 'port')) {
        if (other.underlay === 'port' && vtep.underlay !== 'port') continue;
        const problem = `${vtep.local} and UDP port ${vtep.udpPort} are those of VTEP ${other.name} already`;
        throw this.#error([...path, 'local'], problem);
      }
      if (other.uplink === vtep.uplink && other.vlan === vtep.vlan && other.mac !== vtep.mac) {
        throw this.#error([...path, 'mac'], `VTEP ${other.name} has another MAC on ${vtep.uplink}; give both the same`);
      }
    }
  }

  /** The tunnel of a port with the adapter vxlan, by itself; `tagged`: its own mode lets frames leave with tags. */
  tunnel(name: string, port: RawPort, unaware: boolean, tagged: boolean): TunnelConfig | null {
    const path: Path = ['ports', name, 'vxlan'];
    const raw = port.vxlan;
    if (port.adapter !== 'vxlan') {
      if (raw === undefined) return null;
      throw this.#error(path, `"vxlan" belongs to adapter vxlan; this port has adapter ${port.adapter}`);
    }
    if (raw === undefined) throw this.#error(path, 'is missing; valid is a map such as { vtep: v0, vni: 1000 }');
    const vtep = this.#byName.get(raw.vtep);
    if (vtep === undefined) {
      const hint = didYouMean(raw.vtep, [...this.#byName.keys()]);
      throw this.#error([...path, 'vtep'], `there is no VTEP ${show(raw.vtep)}${hint}; valid is a name under "vteps"`);
    }
    const vnis = this.#vnis(path, raw, unaware);
    if (tagged && raw.vni !== undefined && raw.innerTag === 'strip') {
      const problem = `frames leave this port with VLAN tags, which "strip" does not let into the tunnel; set "innerTag: keep", let them leave untagged, or use "vnis"`;
      throw this.#error([...path, 'innerTag'], problem);
    }
    return {
      vtep: vtep.name,
      vnis,
      remotes: raw.remotes.map((remote, n) => this.#remote([...path, 'remotes', n], remote, vtep.local)),
      flood: raw.flood,
      group: this.#group(path, raw, vtep.local),
      learning: raw.learning,
      ageSeconds: raw.ageSeconds,
      ttl: raw.ttl,
      tos: raw.tos,
      udpChecksum: raw.udpChecksum ?? isIpv6(vtep.local),
      df: raw.df,
      flowLabel: raw.flowLabel,
      innerTag: raw.innerTag,
      reservedBits: raw.reservedBits.toLowerCase(),
      suppress: raw.suppress,
      neighbors: raw.neighbors.map((each, n) => this.#neighbor([...path, 'neighbors', n], each, unaware)),
      maxNeighbors: raw.maxNeighbors,
      vlanMaxNeighbors: raw.vlanMaxNeighbors,
      neighborAgeSeconds: raw.neighborAgeSeconds,
    };
  }

  /** Complains when another tunnel of the VTEP has one of the VNIs already. */
  take(name: string, { vtep, vnis }: TunnelConfig): void {
    const path: Path = ['ports', name, 'vxlan'];
    const taken = this.#taken.get(vtep) ?? new Map<number, string>();
    this.#taken.set(vtep, taken);
    for (const { vid, vni } of vnis) {
      const owner = taken.get(vni);
      if (owner !== undefined) {
        const where = vid === null ? 'vni' : 'vnis';
        throw this.#error([...path, where], `VNI ${vni} of VTEP ${vtep} belongs to port ${owner} already`);
      }
      taken.set(vni, name);
    }
    this.#count += vnis.length;
    if (this.#count > MAX_VNIS) throw this.#error(path, `there are more than ${MAX_VNIS} VNIs in all`);
  }

  #neighbor(path: Path, { ip, mac, vlan }: RawTunnel['neighbors'][number], unaware: boolean) {
    const address = canonicalIp(ip);
    if (address === null || !isHost(address)) throw this.#error([...path, 'ip'], `${show(ip)} is no address of a host`);
    if (unaware !== (vlan === undefined)) {
      const problem = unaware ? 'the bridge of this port is unaware: remove "vlan"' : 'is missing; valid are 1-4094';
      throw this.#error([...path, 'vlan'], problem);
    }
    return { vid: vlan ?? null, address, mac: this.#hostMac([...path, 'mac'], mac) };
  }

  #vnis(path: Path, raw: RawTunnel, unaware: boolean): VniConfig[] {
    if (raw.vni !== undefined && raw.vnis !== undefined) {
      throw this.#error([...path, 'vnis'], 'the port has one VNI already; valid is "vni" or "vnis"');
    }
    if (raw.vni !== undefined) return [{ vid: null, vni: raw.vni }];
    if (raw.vnis === undefined) throw this.#error([...path, 'vni'], `is missing; valid are 0-${MAX_VNI}, or "vnis"`);
    if (unaware) throw this.#error([...path, 'vnis'], 'the bridge of this port is unaware: it has no VLANs; use "vni"');
    const byVid = new Map<number, number>();
    for (const [key, first] of Object.entries(raw.vnis)) {
      const here = [...path, 'vnis', key];
      const vids = expandVlans(key);
      if (!Array.isArray(vids)) throw this.#error(here, vids.problem);
      if (first + vids.length - 1 > MAX_VNI) throw this.#error(here, `the last of ${vids.length} VNIs is no VNI`);
      vids.forEach((vid, n) => {
        if (byVid.has(vid)) throw this.#error(here, `VLAN ${vid} has a VNI already`);
        byVid.set(vid, first + n);
      });
    }
    if (byVid.size === 0) throw this.#error([...path, 'vnis'], 'is empty; valid is a map such as { 10: 1010 }');
    return [...byVid].map(([vid, vni]) => ({ vid, vni })).sort((a, b) => a.vid - b.vid);
  }

  #group(path: Path, { flood, group, remotes }: RawTunnel, local: string): string | null {
    if (flood !== 'multicast') {
      if (group === undefined) return null;
      throw this.#error([...path, 'group'], `"group" belongs to "flood: multicast"; this tunnel floods ${flood}`);
    }
    if (group === undefined) throw this.#error([...path, 'group'], 'is missing; valid is a multicast address');
    const address = canonicalIp(group);
    if (address === null || !isGroup(address) || isIpv6(address) !== isIpv6(local)) {
      throw this.#error([...path, 'group'], `${show(group)} is no multicast address of the family of ${local}`);
    }
    if (remotes.length !== 0)
      throw this.#error([...path, 'remotes'], 'floods go to the group; use "peers" of the VTEP');
    return address;
  }

  #remote(path: Path, text: string, local: string): string {
    return readRemote(path, text, local, this.#source);
  }

  #route(path: Path, raw: { to: string; via?: string | undefined }, local: string): { to: string; via: string | null } {
    const to = readPrefix(raw.to);
    if (to === null || isIpv6(to.address) !== isIpv6(local)) {
      throw this.#error(
        [...path, 'to'],
        `${show(raw.to)} is no prefix of the family of ${local}; valid is ADDRESS/LENGTH`,
      );
    }
    const via = raw.via === undefined ? null : this.#remote([...path, 'via'], raw.via, local);
    return { to: `${to.address}/${to.bits}`, via };
  }

  #hostMac(path: Path, text: string): string {
    const mac = text.toLowerCase().replaceAll('-', ':');
    if ((Number.parseInt(mac.slice(0, 2), 16) & 1) === 0 && mac !== '00:00:00:00:00:00') return mac;
    throw this.#error(path, `${mac} is no MAC address of a host`);
  }

  #sourcePorts(path: Path, text: string): { first: number; last: number } {
    const [first = 0, last = 0] = text.split('-').map(Number);
    if (first >= 1 && last <= 65_535 && first <= last) return { first, last };
    throw this.#error(path, `${show(text)} is no range of ports; valid is a range such as 49152-65535`);
  }

  #error(path: Path, problem: string): ConfigError {
    return new ConfigError(this.#source.place(path), problem);
  }
}
