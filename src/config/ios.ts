/**
 * Cisco IOS snippets as a configuration: what a chapter on VLANs or a switch of yours says, in the words of this
 * switch. It reads VLANs, switch ports, SVIs, sub-interfaces and static routes. Every line that means something else is
 * returned with its number: none is dropped in silence.
 *
 * The result is the raw shape of a file (schema.ts), to be checked by the loader like any other.
 */
import { addressBytes, hostMask } from '../wire/address.ts';
import { compressVlans, expandVlans, MAX_VID } from './vlan-range.ts';

export interface UnreadLine {
  readonly line: number;
  readonly text: string;
}

export interface IosImport {
  readonly config: Record<string, unknown>;
  readonly unread: UnreadLine[];
}

interface RawPort {
  adapter: string;
  device?: string;
  mode?: 'access' | 'trunk';
  vlan?: number;
  vlans?: string;
  native?: number;
  mtu?: number;
  enabled?: boolean;
}

interface RawInterface {
  vlan?: number;
  port?: string;
  addresses: string[];
  mtu?: number;
  vrf?: string;
  proxyArp?: boolean;
  redirects?: boolean;
  isDown?: boolean;
}

/** Lines that say what is so here anyway, or that only open and close. */
const NOTHING =
  /^(!.*|end|exit|enable|configure terminal|conf t|ip routing|ipv6 unicast-routing|ipv6 enable|no shut(down)?|switchport|switchport nonegotiate|switchport trunk encapsulation dot1q|no ip address|no ip redirects|no ip proxy-arp|version [\d.]+|current configuration.*|building configuration.*)$/i;

/** Blocks that mean nothing here. */
const OPENS =
  /^(line|router|vrf definition|ip vrf|ip dhcp pool|ip access-list|ipv6 access-list|class-map|policy-map|route-map|key chain|aaa|controller|monitor session|interface|vlan|archive|crypto|track|redundancy) /i;

const TYPES: [RegExp, string][] = [
  [/^(gigabitethernet|gi)/i, 'Gi'],
  [/^(fastethernet|fa)/i, 'Fa'],
  [/^(tengigabitethernet|te)/i, 'Te'],
  [/^(ethernet|eth|et|e)/i, 'Et'],
  [/^(port-channel|po)/i, 'Po'],
];

/** `adapter` is what the ports get: a snippet says nothing of that. */
export function readIos(text: string, adapter: 'tap' | 'memory'): IosImport {
  return new Reader(adapter).read(text);
}

class Reader {
  readonly #adapter: 'tap' | 'memory';
  readonly #unread: UnreadLine[] = [];
  readonly #vlans: Record<string, { name?: string }> = {};
  readonly #ports: Record<string, RawPort> = {};
  readonly #interfaces: Record<string, RawInterface> = {};
  readonly #routes = new Map<string, { to: string; via: string[]; type?: string; vrf?: string }>();
  #name: string | undefined;
  /** Takes a line of the block under way; false when it means nothing there. */
  #block: (line: string) => boolean = () => false;

  constructor(adapter: 'tap' | 'memory') {
    this.#adapter = adapter;
  }

  read(text: string): IosImport {
    text.split(/\r\n|\r|\n/).forEach((raw, index) => {
      // A snippet may be copied with its prompt: `Switch(config-if)# switchport mode trunk`.
      const line = raw
        .replace(/^\s*[\w.-]+(\([\w-]+\))?[#>]\s?/, '')
        .trim()
        .replace(/\s+/g, ' ');
      if (line === '' || NOTHING.test(line)) return;
      if (this.#top(line)) return;
      // The lines of a block that is not known are not those of the block before it.
      if (OPENS.test(line)) this.#block = () => false;
      if (!this.#block(line)) this.#unread.push({ line: index + 1, text: raw.trim() });
    });
    return { config: this.#config(), unread: this.#unread };
  }

  #config(): Record<string, unknown> {
    const interfaces: Record<string, unknown> = {};
    for (const [name, { isDown, ...settings }] of Object.entries(this.#interfaces)) {
      if (isDown !== true && settings.vlan !== undefined) interfaces[name] = settings;
    }
    const routes = [...this.#routes.values()].map(({ via, ...rest }) =>
      via.length === 0 ? rest : { ...rest, via: via.length === 1 ? via[0] : via },
    );
    return {
      ...(this.#name === undefined ? {} : { switch: { name: this.#name } }),
      ...section('vlans', this.#vlans),
      ...section('ports', this.#ports),
      ...section('interfaces', interfaces),
      ...(routes.length === 0 ? {} : { routes }),
    };
  }

  /** Lines that stand alone, or open a block. */
  #top(line: string): boolean {
    const [, hostname] = /^hostname ([A-Za-z0-9_.:-]{1,32})$/i.exec(line) ?? [];
    if (hostname !== undefined) {
      this.#name = hostname;
      return true;
    }
    const [, vids] = /^vlan ([\d,-]+)$/i.exec(line) ?? [];
    if (vids !== undefined) return this.#vlan(vids);
    const [, name] = /^interface (.+)$/i.exec(line) ?? [];
    if (name !== undefined) return this.#interface(name.replace(/ /g, ''));
    return /^(ip|ipv6) route /i.test(line) && this.#route(line);
  }

  #vlan(text: string): boolean {
    const vids = expandVlans(text);
    if (!Array.isArray(vids)) return false;
    for (const vid of vids) this.#vlans[vid] ??= {};
    this.#block = (line) => {
      const [, name] = /^name ([A-Za-z0-9_.:-]{1,32})$/i.exec(line) ?? [];
      if (name === undefined || vids.length !== 1) return false;
      this.#vlans[vids[0]!]!.name = name;
      return true;
    };
    return true;
  }

  #interface(name: string): boolean {
    const [, svi] = /^vlan(\d{1,4})$/i.exec(name) ?? [];
    if (svi !== undefined) {
      const made: RawInterface = { vlan: Number(svi), addresses: [] };
      this.#interfaces[`vlan${svi}`] = made;
      this.#block = (line) => this.#layer3(made, line);
      return true;
    }
    const type = TYPES.find(([pattern]) => pattern.test(name));
    const [, number, sub] = /^[a-z-]+([\d/]+)(?:\.(\d+))?$/i.exec(name) ?? [];
    if (type === undefined || number === undefined) {
      this.#block = () => false;
      return false;
    }
    const port = `${type[1]}${number.replaceAll('/', '-')}`;
    const parent = this.#port(port);
    if (sub === undefined) {
      this.#block = (line) => this.#switchport(parent, line);
      return true;
    }
    const made: RawInterface = { port, addresses: [] };
    this.#interfaces[`${port}.${sub}`] = made;
    this.#block = (line) => this.#encapsulation(parent, made, line) || this.#layer3(made, line);
    return true;
  }

  #port(name: string): RawPort {
    const device = name.toLowerCase();
    this.#ports[name] ??= this.#adapter === 'tap' ? { adapter: 'tap', device } : { adapter: 'memory' };
    return this.#ports[name];
  }

  #switchport(port: RawPort, line: string): boolean {
    const [, mode] = /^switchport mode (access|trunk)$/i.exec(line) ?? [];
    if (mode !== undefined) {
      port.mode = mode.toLowerCase() as 'access' | 'trunk';
      // What belongs to the other mode has no effect on a switch either.
      if (port.mode === 'access') {
        delete port.vlans;
        delete port.native;
        port.vlan ??= 1;
      } else delete port.vlan;
      return true;
    }
    const [, access] = /^switchport access vlan (\d{1,4})$/i.exec(line) ?? [];
    if (access !== undefined && port.mode !== 'trunk') {
      port.mode = 'access';
      port.vlan = Number(access);
      return true;
    }
    const [, native] = /^switchport trunk native vlan (\d{1,4})$/i.exec(line) ?? [];
    if (native !== undefined && port.mode !== 'access') {
      port.mode = 'trunk';
      port.native = Number(native);
      return true;
    }
    const [, change, list] = /^switchport trunk allowed vlan (add |remove |except )?([\d,-]+|all)$/i.exec(line) ?? [];
    if (list !== undefined && port.mode !== 'access')
      return this.#allowed(port, (change ?? '').trim().toLowerCase(), list);
    const [, mtu] = /^(?:system )?mtu (\d{2,5})$/i.exec(line) ?? [];
    if (mtu !== undefined) {
      port.mtu = Number(mtu);
      return true;
    }
    if (!/^shut(down)?$/i.test(line)) return false;
    port.enabled = false;
    return true;
  }

  #allowed(port: RawPort, change: string, list: string): boolean {
    const named = expandVlans(list.toLowerCase());
    if (!Array.isArray(named)) return false;
    const before = change === '' ? [] : (expandVlans(change === 'except' ? 'all' : (port.vlans ?? 'all')) as number[]);
    const vids =
      change === 'add' || change === '' ? [...before, ...named] : before.filter((vid) => !named.includes(vid));
    const sorted = [...new Set(vids)].sort((a, b) => a - b);
    if (sorted.length === 0) return false;
    port.mode = 'trunk';
    port.vlans = sorted.length === MAX_VID ? 'all' : compressVlans(sorted);
    return true;
  }

  #encapsulation(parent: RawPort, made: RawInterface, line: string): boolean {
    const [, vid, native] = /^encapsulation dot1q (\d{1,4})( native)?$/i.exec(line) ?? [];
    if (vid === undefined || parent.mode === 'access') return false;
    made.vlan = Number(vid);
    parent.mode = 'trunk';
    if (native !== undefined) parent.native = Number(vid);
    const vids = parent.vlans === undefined ? [] : (expandVlans(parent.vlans) as number[]);
    parent.vlans = compressVlans([...new Set([...vids, Number(vid)])].sort((a, b) => a - b));
    return true;
  }

  #layer3(made: RawInterface, line: string): boolean {
    const [, address, mask] = /^ip address ([\d.]+) ([\d.]+)(?: secondary)?$/i.exec(line) ?? [];
    if (address !== undefined) {
      const bits = maskBits(mask!);
      if (bits === null || addressBytes(address) === null) return false;
      made.addresses.push(`${address}/${bits}`);
      return true;
    }
    const [, v6] = /^ipv6 address ([\da-f:.]+\/\d{1,3})$/i.exec(line) ?? [];
    if (v6 !== undefined) {
      made.addresses.push(v6.toLowerCase());
      return true;
    }
    const [, mtu] = /^(?:ip |ipv6 )?mtu (\d{2,5})$/i.exec(line) ?? [];
    const [, vrf] = /^(?:ip )?vrf forwarding ([A-Za-z0-9_.:-]{1,32})$/i.exec(line) ?? [];
    if (mtu !== undefined) made.mtu = Number(mtu);
    else if (vrf !== undefined) made.vrf = vrf;
    else if (/^ip proxy-arp$/i.test(line)) made.proxyArp = true;
    else if (/^ip redirects$/i.test(line)) made.redirects = true;
    else if (/^no ip redirects$/i.test(line)) delete made.redirects;
    else if (/^shut(down)?$/i.test(line)) made.isDown = true;
    else return false;
    return true;
  }

  #route(line: string): boolean {
    const [, vrf4, net, mask, hop4] = /^ip route (?:vrf (\S+) )?([\d.]+) ([\d.]+) (\S+)$/i.exec(line) ?? [];
    const [, vrf6, prefix, hop6] = /^ipv6 route (?:vrf (\S+) )?([\da-f:.]+\/\d{1,3}) (\S+)$/i.exec(line) ?? [];
    const bits = mask === undefined ? null : maskBits(mask);
    const to = prefix?.toLowerCase() ?? (bits === null ? null : `${net}/${bits}`);
    const hop = hop4 ?? hop6;
    if (to === null || hop === undefined) return false;
    const vrf = vrf4 ?? vrf6;
    const isNull = /^null0?$/i.test(hop);
    if (!isNull && addressBytes(hop) === null) return false;
    const key = `${vrf} ${to}`;
    const known = this.#routes.get(key);
    if (known !== undefined) {
      if (isNull || known.type !== undefined) return false;
      known.via.push(hop);
      return true;
    }
    const rest = vrf === undefined ? {} : { vrf };
    this.#routes.set(key, isNull ? { to, via: [], type: 'blackhole', ...rest } : { to, via: [hop], ...rest });
    return true;
  }
}

function section(name: string, entries: Record<string, unknown>): Record<string, unknown> {
  return Object.keys(entries).length === 0 ? {} : { [name]: entries };
}

/** Bits of a mask such as 255.255.255.0; null for one with holes. */
function maskBits(text: string): number | null {
  const bytes = addressBytes(text);
  if (bytes === null || bytes.length !== 4) return null;
  for (let bits = 0; bits <= 32; bits++) {
    if (bytes.every((byte, i) => byte === (~hostMask(bits, i) & 0xff))) return bits;
  }
  return null;
}
