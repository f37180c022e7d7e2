/**
 * Cisco IOS snippets as a configuration: what a chapter on VLANs or a switch of yours says, in the words of this
 * switch. It reads VLANs and private VLANs, switch ports, SVIs, sub-interfaces, routed ports and static routes. Every line that means
 * something else is returned with its number: none is dropped in silence.
 *
 * The result is the raw shape of a file (schema/schema.ts), to be checked by the loader like any other.
 */
import { addressBytes } from '../../wire/address.ts';
import { compressVlans, expandVlans, MAX_VID } from '../vlan-range.ts';
import { readLayer3 } from './layer3.ts';
import type { PortWords, RawInterface, RawPort, RawVlan } from './raw.ts';
import { readEncapsulation, readSwitchport } from './switchport.ts';
import { isManagement, maskBits, NOTHING, OPENS, portName, portNames, section } from './words.ts';

export interface UnreadLine {
  readonly line: number;
  readonly text: string;
  /** It is about the device, its users or its name, not about frames. */
  readonly isManagement: boolean;
}

export interface IosImport {
  readonly config: Record<string, unknown>;
  readonly unread: UnreadLine[];
}

/** Where IOS takes the VLANs from that its routed ports use inside. */
const FIRST_INTERNAL_VID = 1006;

/** `adapter` is what the ports get: a snippet says nothing of that. */
export function readIos(text: string, adapter: 'tap' | 'memory'): IosImport {
  return new Reader(adapter).read(text);
}

class Reader {
  readonly #adapter: 'tap' | 'memory';
  readonly #unread: UnreadLine[] = [];
  readonly #vlans: Record<string, RawVlan> = {};
  readonly #kinds = new Map<number, string>();
  readonly #secondaries = new Map<number, number[]>();
  readonly #ports: Record<string, RawPort> = {};
  readonly #words = new Map<RawPort, PortWords>();
  readonly #interfaces: Record<string, RawInterface> = {};
  readonly #routes = new Map<string, { to: string; via: string[]; type?: string; vrf?: string }>();
  #name: string | undefined;
  /** That is being read. */
  #line = 0;
  /** Takes a line of the block under way; false when it means nothing there. */
  #block: (line: string) => boolean = () => false;

  constructor(adapter: 'tap' | 'memory') {
    this.#adapter = adapter;
  }

  read(text: string): IosImport {
    let banner = '';
    text.split(/\r\n|\r|\n/).forEach((raw, index) => {
      this.#line = index + 1;
      const unread = (isManagement: boolean) => this.#unread.push({ line: index + 1, text: raw.trim(), isManagement });
      if (banner !== '') {
        unread(true);
        if (raw.includes(banner)) banner = '';
        return;
      }
      // A snippet may be copied with its prompt: `Switch(config-if)# switchport mode trunk`.
      const line = raw
        .replace(/^\s*[\w.-]+(\([\w-]+\))?[#>]\s?/, '')
        .trim()
        .replace(/\s+/g, ' ');
      if (line === '') return;
      const [, delimiter, rest] = /^banner \S+ (\^?\S)(.*)$/i.exec(line) ?? [];
      if (delimiter !== undefined && rest !== undefined && !rest.includes(delimiter)) banner = delimiter;
      // The lines of a block that is not known are not those of the block before it.
      if (OPENS.test(line)) this.#block = () => false;
      if (this.#top(line) || this.#block(line) || NOTHING.test(line)) return;
      unread(isManagement(line));
    });
    const config = this.#config();
    return { config, unread: this.#unread.sort((a, b) => a.line - b.line) };
  }

  #config(): Record<string, unknown> {
    this.#settlePrivate();
    this.#settleRouted();
    const interfaces: Record<string, unknown> = {};
    for (const [name, { downAt, ...settings }] of Object.entries(this.#interfaces)) {
      if (settings.vlan === undefined) continue;
      if (downAt === undefined) interfaces[name] = settings;
      else this.#unread.push({ line: downAt, text: `interface ${name}, which is shut down`, isManagement: false });
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
      const [, kind] = /^private-vlan (primary|isolated|community)$/i.exec(line) ?? [];
      if (kind !== undefined) {
        for (const vid of vids) this.#kinds.set(vid, kind.toLowerCase());
        return true;
      }
      const [, change, list] = /^private-vlan association (add )?([\d,-]+)$/i.exec(line) ?? [];
      if (list !== undefined) return this.#associate(vids, list, change !== undefined);
      const [, name] = /^name ([A-Za-z0-9_.:-]{1,32})$/i.exec(line) ?? [];
      if (name === undefined || vids.length !== 1) return false;
      this.#vlans[vids[0]!]!.name = name;
      return true;
    };
    return true;
  }

  #associate(vids: readonly number[], list: string, isMore: boolean): boolean {
    const named = expandVlans(list);
    if (!Array.isArray(named) || vids.length !== 1) return false;
    this.#secondaries.set(vids[0]!, [...(isMore ? (this.#secondaries.get(vids[0]!) ?? []) : []), ...named]);
    return true;
  }

  #interface(text: string): boolean {
    const names = /^range/i.test(text) ? portNames(text.slice('range'.length)) : [text];
    const blocks = (names ?? []).map((name) => this.#blockOf(name));
    if (blocks.length === 0 || !blocks.every((block) => block !== null)) {
      this.#block = () => false;
      return false;
    }
    this.#block = (line) => blocks.map((block) => block(line)).every((isRead) => isRead);
    return true;
  }

  /** Null where it is no interface that there is here. */
  #blockOf(name: string): ((line: string) => boolean) | null {
    const [, svi] = /^vlan(\d{1,4})$/i.exec(name) ?? [];
    if (svi !== undefined) {
      this.#interfaces[`vlan${svi}`] ??= { vlan: Number(svi), addresses: [] };
      const made = this.#interfaces[`vlan${svi}`]!;
      return (line) => readLayer3(made, line, this.#line);
    }
    const found = portName(name);
    if (found === null) return null;
    const { port, sub } = found;
    const parent = this.#port(port);
    if (sub === null)
      return (line) => readSwitchport(parent, this.#wordsOf(parent), line) || this.#routedPort(parent, line);
    this.#interfaces[`${port}.${sub}`] ??= { port, addresses: [] };
    const made = this.#interfaces[`${port}.${sub}`]!;
    return (line) => readEncapsulation(parent, made, line) || readLayer3(made, line, this.#line);
  }

  #port(name: string): RawPort {
    const device = name.toLowerCase();
    this.#ports[name] ??= this.#adapter === 'tap' ? { adapter: 'tap', device } : { adapter: 'memory' };
    return this.#ports[name];
  }

  #wordsOf(port: RawPort): PortWords {
    const words = this.#words.get(port) ?? {};
    this.#words.set(port, words);
    return words;
  }

  /** `no switchport`, or an address on a port: it belongs to the router. */
  #routedPort(port: RawPort, line: string): boolean {
    const isRouted = /^no switchport$/i.test(line);
    const words = this.#wordsOf(port);
    if (isRouted) {
      words.routed ??= { addresses: [] };
      return true;
    }
    if (port.mode !== undefined && words.routed === undefined) return false;
    const made = words.routed ?? { addresses: [] };
    if (!readLayer3(made, line, this.#line)) return false;
    words.routed = made;
    return true;
  }

  /** Private VLANs: who is a secondary of whom, and which VLAN a port of them is in. */
  #settlePrivate(): void {
    for (const [primary, secondaries] of this.#secondaries) {
      const ofKind = (kind: string) => secondaries.filter((vid) => this.#kinds.get(vid) === kind);
      const [[isolated], communities] = [ofKind('isolated'), ofKind('community')];
      const vlan = { ...this.#vlans[primary] };
      if (isolated !== undefined) vlan.isolated = isolated;
      if (communities.length > 0) vlan.communities = compressVlans([...communities].sort((a, b) => a - b));
      this.#vlans[primary] = vlan;
    }
    for (const [port, { hostVlan, mappedVlan }] of this.#words) {
      if (port.mode === 'private-host' && hostVlan !== undefined) port.vlan = hostVlan;
      if (port.mode === 'promiscuous' && mappedVlan !== undefined) port.vlan = mappedVlan;
    }
  }

  /** A routed port is alone with its interface in a VLAN that no trunk carries. */
  #settleRouted(): void {
    const used = new Set([
      ...Object.keys(this.#vlans),
      ...Object.values(this.#interfaces).map(({ vlan }) => `${vlan}`),
    ]);
    for (const { vlan, vlans } of Object.values(this.#ports)) {
      used.add(`${vlan}`);
      if (vlans !== undefined && vlans !== 'all') for (const vid of expandVlans(vlans) as number[]) used.add(`${vid}`);
    }
    const own: number[] = [];
    let vid = FIRST_INTERNAL_VID;
    const parents = new Set(Object.values(this.#interfaces).map(({ port }) => port));
    for (const [name, port] of Object.entries(this.#ports)) {
      const { routed } = this.#words.get(port) ?? {};
      if (routed === undefined || parents.has(name)) continue;
      // What was said of it as a switch port does not count.
      delete port.native;
      delete port.vlans;
      while (used.has(`${vid}`)) vid++;
      used.add(`${vid}`);
      own.push(vid);
      port.mode = 'access';
      port.vlan = vid;
      if (routed.addresses.length > 0) this.#interfaces[`vlan${vid}`] = { vlan: vid, ...routed };
    }
    if (own.length === 0) return;
    const rest = Array.from({ length: MAX_VID }, (_, i) => i + 1).filter((each) => !own.includes(each));
    for (const port of Object.values(this.#ports)) {
      if (port.mode === 'trunk' && (port.vlans ?? 'all') === 'all') port.vlans = compressVlans(rest);
    }
  }

  #route(line: string): boolean {
    const [, vrf4, net, mask, hop4] =
      /^ip route (?:vrf (\S+) )?([\d.]+) ([\d.]+) (\S+)(?: name \S+)?$/i.exec(line) ?? [];
    const [, vrf6, prefix, hop6] =
      /^ipv6 route (?:vrf (\S+) )?([\da-f:.]+\/\d{1,3}) (\S+)(?: name \S+)?$/i.exec(line) ?? [];
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
