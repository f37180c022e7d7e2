/**
 * Port modes are words of the configuration; the data plane knows PVID, member set and untagged set. Here one
 * becomes the other:
 *
 *     mode          PVID            members                 leaves untagged   accepts
 *     access        vlan            vlan                    vlan              untagged
 *     trunk         native | none   vlans (all) + native    native            all with native, else tagged
 *     hybrid        pvid (1)        tagged + untagged       untagged          all
 *     dot1q-tunnel  vlan            vlan                    vlan              all
 *     promiscuous   vlan            vlan + its secondaries  all of them       untagged
 *     private-host  vlan            primary (+ community)   all of them       untagged, and nothing else
 *     the last two with `vlans`: trunks whose frames leave with the tag of the primary, or of the hosts' secondary
 *
 * `acceptFrames` replaces the last column in every other mode. A `pvid` on a trunk without `native` is a native VLAN that
 * keeps its tag (Open vSwitch calls it native-tagged).
 */
import type { Bridge } from './bridges.ts';
import { ConfigError, type Path, type Source } from './error.ts';
import { privateMembers, readPrivateTrunk, whyNotNative, whyNotSingle } from './private-vlans.ts';
import type { PortKey, RawPort } from './schema/port.ts';
import { memberVids, readServiceVlans } from './service-vlans.ts';
import type { TunnelConfig } from './types/vxlan.ts';
import type { AcceptFrames, PortMode, PrivateTrunk, ServiceVlan, VlanMembership } from './types.ts';
import { expandVlans, MAX_VID, type VlanSpec } from './vlan-range.ts';

export interface PortVlans {
  mode: PortMode;
  pvid: number | null;
  members: VlanMembership[];
  acceptFrames: AcceptFrames;
  ingressFiltering: boolean;
  tunnelCvids: number[] | null;
  serviceVlans: ServiceVlan[];
  privateTrunk: PrivateTrunk | null;
}

/** What a mode makes of a port; the others make no trunk of private VLANs. */
type Preset = Omit<PortVlans, 'mode' | 'ingressFiltering' | 'privateTrunk'> & { privateTrunk?: PrivateTrunk };

const MODE_KEYS = {
  access: ['vlan'],
  trunk: ['vlans', 'native'],
  hybrid: ['tagged', 'untagged'],
  'dot1q-tunnel': ['vlan', 'cvids', 'serviceVlans'],
  promiscuous: ['vlan', 'vlans', 'native'],
  'private-host': ['vlan', 'vlans', 'native'],
} as const satisfies Record<PortMode, readonly PortKey[]>;

const LIST_KEYS = ['vlan', 'vlans', 'native', 'tagged', 'untagged', 'cvids', 'serviceVlans'] as const;
const VLAN_KEYS = ['mode', ...LIST_KEYS, 'pvid', 'acceptFrames', 'ingressFiltering'] as const;

/**
 * One object per (VID, tagged or not) for all ports: 64 trunks of 4,094 VLANs are 64 arrays over the same 4,094
 * objects. Frozen, because they are shared.
 */
const memberships: VlanMembership[][] = [[], []];

export function membership(vid: number, untagged: boolean): VlanMembership {
  const row = memberships[untagged ? 1 : 0]!;
  row[vid] ??= Object.freeze({ vid, untagged });
  return row[vid];
}

/** A port of an unaware bridge has no VLAN settings: tags are payload, everything is accepted. */
export function readUnawarePort(name: string, port: RawPort, source: Source): PortVlans {
  for (const key of VLAN_KEYS) {
    if (port[key] === undefined) continue;
    const problem = `the bridge of this port is unaware: it has no VLANs; remove "${key}" or set the type c-vlan`;
    throw new ConfigError(source.place(['ports', name, key]), problem);
  }
  return { ...NO_VLANS };
}

/** The uplink of a VTEP has outer frames only: no bridge, no VLANs. */
export function readUplink(name: string, port: RawPort, owner: string, source: Source): PortVlans {
  refuseVlanKeys(name, port, source, ['bridge', ...VLAN_KEYS], `the port is ${owner}: it is in no bridge`);
  return { ...NO_VLANS };
}

/** A tunnel with VNIs by VLAN is a member of these VLANs; inside the tunnel their tag is the VNI. */
export function readMappedTunnel(name: string, port: RawPort, source: Source): PortVlans {
  refuseVlanKeys(name, port, source, VLAN_KEYS, 'the VLANs of this port are those of "vnis"');
  return { ...NO_VLANS, mode: 'hybrid', ingressFiltering: true };
}

export function mappedMembers({ vnis }: TunnelConfig): VlanMembership[] {
  return vnis.flatMap(({ vid }) => (vid === null ? [] : [membership(vid, true)]));
}

/** Of a port whose bridge has none, or that is in no bridge. */
export const NO_VLANS: PortVlans = {
  mode: 'access',
  pvid: null,
  members: [],
  acceptFrames: 'all',
  ingressFiltering: false,
  tunnelCvids: null,
  serviceVlans: [],
  privateTrunk: null,
};

function refuseVlanKeys(name: string, port: RawPort, source: Source, keys: readonly PortKey[], why: string): void {
  for (const key of keys) {
    if (port[key] !== undefined) throw new ConfigError(source.place(['ports', name, key]), `${why}; remove "${key}"`);
  }
}

export function readPortVlans(name: string, port: RawPort, bridge: Bridge, source: Source): PortVlans {
  return new ModeReader(name, port, bridge, source).read();
}

class ModeReader {
  readonly #path: Path;
  readonly #port: RawPort;
  readonly #bridge: Bridge;
  readonly #source: Source;
  readonly #mode: PortMode;

  constructor(name: string, port: RawPort, bridge: Bridge, source: Source) {
    this.#path = ['ports', name];
    this.#port = port;
    this.#bridge = bridge;
    this.#source = source;
    this.#mode = port.mode ?? 'access';
  }

  read(): PortVlans {
    this.#refuseForeignKeys();
    const settings = this.#preset();
    const { acceptFrames, ingressFiltering = true } = this.#port;
    const isHost = this.#mode === 'private-host';
    // It takes some of the VLANs that it is a member of, and one that it is not: see `PrivateTrunk.takes`.
    const { privateTrunk } = settings;
    if (privateTrunk !== undefined) return { ...settings, privateTrunk, mode: this.#mode, ingressFiltering: false };
    if (ingressFiltering && acceptFrames !== 'tagged' && !isHost) this.#requireMembership(settings);
    const accepts = acceptFrames ?? settings.acceptFrames;
    return { ...settings, mode: this.#mode, acceptFrames: accepts, ingressFiltering, privateTrunk: null };
  }

  #preset(): Preset {
    switch (this.#mode) {
      case 'access':
        return { ...this.#single(), acceptFrames: 'untagged', tunnelCvids: null, serviceVlans: [] };
      case 'promiscuous':
      case 'private-host':
        return this.#port.vlans === undefined ? this.#private(this.#mode) : this.#privateTrunk(this.#mode);
      case 'trunk':
        return this.#trunk();
      case 'hybrid':
        return this.#hybrid();
      case 'dot1q-tunnel':
        return this.#tunnel();
    }
  }

  /** access and dot1q-tunnel: one VLAN, which is the PVID and leaves untagged. */
  #single(): { pvid: number; members: VlanMembership[] } {
    const vlan = this.#vlan();
    const why = whyNotSingle(this.#bridge.secondaries, this.#mode, vlan);
    if (why !== null) throw this.#error('vlan', why);
    return { pvid: vlan, members: [membership(vlan, true)] };
  }

  #tunnel(): Preset {
    const { serviceVlans: raw, cvids, vlan } = this.#port;
    if (raw === undefined) {
      return { ...this.#single(), acceptFrames: 'all', tunnelCvids: this.#optionalSet('cvids'), serviceVlans: [] };
    }
    if (cvids !== undefined)
      throw this.#error('cvids', '"serviceVlans" says which customer VLANs may enter; remove "cvids"');
    const own = vlan === undefined ? null : this.#single().pvid;
    const serviceVlans = readServiceVlans(raw, own, (key, problem) => {
      throw new ConfigError(this.#source.place([...this.#path, 'serviceVlans', key]), problem);
    });
    for (const [key, vid] of memberVids(raw)) {
      const why = whyNotSingle(this.#bridge.secondaries, this.#mode, vid);
      if (why !== null) throw new ConfigError(this.#source.place([...this.#path, 'serviceVlans', key]), why);
    }
    const stripped = new Set(serviceVlans.filter(({ keepTag }) => !keepTag).map(({ vid }) => vid));
    const vids = new Set([...(own === null ? [] : [own]), ...serviceVlans.map(({ vid }) => vid)]);
    // Where the service tag stands for the customer's, it leaves with the frame and is replaced then.
    const members = [...vids].sort((a, b) => a - b).map((vid) => membership(vid, !stripped.has(vid)));
    return { pvid: own, members, acceptFrames: 'all', tunnelCvids: null, serviceVlans };
  }

  /** The VLANs of a private VLAN that leave by such a port, all without a tag. */
  #private(mode: 'promiscuous' | 'private-host'): Preset {
    if (this.#port.native !== undefined)
      throw this.#error('native', 'belongs to a trunk, which has "vlans"; remove it');
    const vlan = this.#vlan();
    const vids = privateMembers(this.#bridge.secondaries, mode, vlan);
    if (typeof vids === 'string') throw this.#error('vlan', vids);
    this.#refuseFrameKeys(`a port of mode ${mode} takes untagged frames and filters all others`);
    const members = vids.map((vid) => membership(vid, true));
    return { pvid: vlan, members, acceptFrames: 'untagged', tunnelCvids: null, serviceVlans: [] };
  }

  #privateTrunk(mode: 'promiscuous' | 'private-host'): Preset {
    const { vlan, pvid, native = null } = this.#port;
    const { secondaries } = this.#bridge;
    if (vlan !== undefined) throw this.#error('vlan', 'belongs to a port of one VLAN, and this is a trunk; remove it');
    if (pvid !== undefined) throw this.#error('pvid', 'the PVID of this trunk is its "native"; remove "pvid"');
    this.#refuseFrameKeys('such a trunk takes frames of its "vlans" and filters all others');
    const why = native === null ? null : whyNotNative(secondaries, native);
    if (why !== null) throw this.#error('native', why);
    const listed = this.#optionalSet('vlans')!;
    const vids = native === null || listed.includes(native) ? listed : [...listed, native].sort((a, b) => a - b);
    const found = readPrivateTrunk(secondaries, mode, vids);
    if (typeof found === 'string') throw this.#error('vlans', found);
    const members = found.members.map((vid) => membership(vid, vid === native));
    const acceptFrames = native === null ? 'tagged' : 'all';
    return { pvid: native, members, acceptFrames, tunnelCvids: null, serviceVlans: [], privateTrunk: found.trunk };
  }

  #refuseFrameKeys(why: string): void {
    for (const key of ['acceptFrames', 'ingressFiltering'] as const) {
      if (this.#port[key] !== undefined) throw this.#error(key, `${why}; remove "${key}"`);
    }
  }

  #vlan(): number {
    const { mode, pvid } = this.#port;
    const vlan = this.#port.vlan ?? (mode === undefined ? 1 : undefined);
    if (vlan === undefined) throw this.#error('vlan', 'is missing; valid are 1-4094');
    if (pvid !== undefined && pvid !== vlan) {
      throw this.#error(
        'pvid',
        `the PVID of a port in mode ${this.#mode} is its "vlan", which is ${vlan}; remove "pvid"`,
      );
    }
    return vlan;
  }

  #trunk(): Preset {
    const { native, pvid } = this.#port;
    if (native !== undefined && pvid !== undefined && pvid !== native) {
      throw this.#error('pvid', `the PVID of this trunk is its "native", which is ${native}; give one of the two`);
    }
    const vids = this.#optionalSet('vlans') ?? expandSet('all');
    const untagged = new Uint8Array(MAX_VID + 1);
    if (native !== undefined) untagged[native] = 1;
    const members = vids.map((vid) => membership(vid, untagged[vid] === 1));
    if (native !== undefined && !vids.includes(native)) {
      members.push(membership(native, true));
      members.sort((a, b) => a.vid - b.vid);
    }
    const untaggedVid = native ?? (pvid === 'none' ? null : (pvid ?? null));
    return {
      pvid: untaggedVid,
      members,
      acceptFrames: untaggedVid === null ? 'tagged' : 'all',
      tunnelCvids: null,
      serviceVlans: [],
    };
  }

  #hybrid(): Preset {
    const { pvid = 1 } = this.#port;
    const tagged = this.#optionalSet('tagged') ?? [];
    const untagged = this.#optionalSet('untagged') ?? [];
    const kinds = new Uint8Array(MAX_VID + 1); // 0 no member, 1 tagged, 2 untagged
    for (const vid of tagged) kinds[vid] = 1;
    for (const vid of untagged) {
      if (kinds[vid] === 1) {
        throw this.#error('untagged', `VLAN ${vid} is in "tagged" as well; it leaves with a tag or without one`);
      }
      kinds[vid] = 2;
    }
    const members: VlanMembership[] = [];
    for (let vid = 1; vid <= MAX_VID; vid++) if (kinds[vid] !== 0) members.push(membership(vid, kinds[vid] === 2));
    return { pvid: pvid === 'none' ? null : pvid, members, acceptFrames: 'all', tunnelCvids: null, serviceVlans: [] };
  }

  /** With ingress filtering a port can only take frames of the VLANs it is a member of. */
  #requireMembership({ pvid, members }: { pvid: number | null; members: VlanMembership[] }): void {
    const lists = this.#mode === 'trunk' ? '"vlans"' : '"tagged" or "untagged"';
    if (members.length === 0 && pvid === null) {
      throw this.#error('mode', `the port is a member of no VLAN; add VLANs to ${lists}`);
    }
    if (pvid === null || members.some(({ vid }) => vid === pvid)) return;
    const origin = this.#port.pvid === undefined ? ' (the default)' : '';
    const problem = `untagged frames get the PVID ${pvid}${origin}, but the port is no member of VLAN ${pvid} and ingress filtering drops them`;
    throw this.#error('pvid', `${problem}; add ${pvid} to ${lists}, set "pvid: none", or "ingressFiltering: false"`);
  }

  #refuseForeignKeys(): void {
    const own: readonly string[] = MODE_KEYS[this.#mode];
    for (const key of LIST_KEYS) {
      if (this.#port[key] === undefined || own.includes(key)) continue;
      const owners = Object.entries(MODE_KEYS).filter(([, keys]) => (keys as readonly string[]).includes(key));
      const modes = owners.map(([mode]) => mode).join(' and ');
      const given = this.#port.mode === undefined ? `${this.#mode} (the default)` : this.#mode;
      const takes = own.map((name) => `"${name}"`).join(', ');
      throw this.#error(key, `"${key}" belongs to mode ${modes}; this port is in mode ${given}, which takes ${takes}`);
    }
  }

  #optionalSet(key: 'vlans' | 'tagged' | 'untagged' | 'cvids'): number[] | null {
    const spec = this.#port[key];
    if (spec === undefined) return null;
    const vids = expandVlans(spec);
    if (Array.isArray(vids)) return vids;
    const path = vids.index === null ? [key] : [key, vids.index];
    throw new ConfigError(this.#source.place([...this.#path, ...path]), vids.problem);
  }

  #error(key: PortKey, problem: string): ConfigError {
    return new ConfigError(this.#source.place([...this.#path, key]), problem);
  }
}

function expandSet(spec: VlanSpec): number[] {
  const vids = expandVlans(spec);
  return Array.isArray(vids) ? vids : [];
}
