/**
 * `macvlan:` while a configuration is read: what holds between groups, ports, VTEPs and mirrors.
 *
 * A port has one place: parent (of several groups, each with another VLAN), child or host. A MAC is one child's in its group.
 */
import { ConfigError, didYouMean, type Path, type Source, show } from './error.ts';
import type { RawConfig } from './schema.ts';
import type { RawMacvlan } from './schema-macvlan.ts';
import type { MacvlanChild, MacvlanConfig, MirrorConfig } from './types.ts';
import type { Vxlan } from './vxlan.ts';

export const MAX_GROUPS = 256;

export class Macvlan {
  readonly groups: MacvlanConfig[];
  /** What each port is, in words. */
  readonly #owners = new Map<string, string>();
  readonly #parents = new Map<string, Map<number, string>>();
  readonly #config: RawConfig;
  readonly #vxlan: Vxlan;
  readonly #source: Source;

  constructor(config: RawConfig, vxlan: Vxlan, source: Source) {
    this.#config = config;
    this.#vxlan = vxlan;
    this.#source = source;
    const names = Object.keys(config.macvlan);
    if (names.length > MAX_GROUPS) {
      throw this.#error(['macvlan'], `there are ${names.length} groups; valid are at most ${MAX_GROUPS}`);
    }
    this.groups = names.map((name) => this.#group(name, config.macvlan[name]!));
  }

  /** What the port is to a group, or undefined. */
  ownerOf(port: string): string | undefined {
    return this.#owners.get(port);
  }

  refuseMirrors(mirrors: readonly MirrorConfig[]): void {
    mirrors.forEach(({ selectSrc, selectDst, output }, n) => {
      for (const [key, ports] of [
        ['selectSrc', selectSrc],
        ['selectDst', selectDst],
        ['output', output === null ? [] : [output]],
      ] as const) {
        const port = ports.find((name) => this.#owners.has(name));
        if (port === undefined) continue;
        const what = `port ${port} is ${this.#owners.get(port)}, which mirrors do not copy; capture it instead`;
        throw this.#error(['mirrors', n, key], what);
      }
    });
  }

  #group(name: string, raw: RawMacvlan): MacvlanConfig {
    const path: Path = ['macvlan', name];
    this.#parent(name, raw);
    const owned = new Map<string, string>();
    const host = raw.host ?? null;
    const hostPath: Path = [...path, 'host'];
    if (host !== null) {
      this.#claim([...hostPath, 'port'], host.port, `the host of macvlan group ${name}`);
      host.mac = this.#mac([...hostPath, 'mac'], host.mac);
      owned.set(host.mac, host.port);
    }
    if (raw.hostAccess && host === null) throw this.#error([...path, 'hostAccess'], 'needs a "host"');
    const children = Object.entries(raw.children).map(([port, child]): MacvlanChild => {
      const at: Path = [...path, 'children', port];
      this.#claim(at, port, `a child of macvlan group ${name}`);
      const { mode } = child;
      const macs = child.macs.map((text, n) => {
        const mac = this.#mac([...at, 'macs', n], text);
        const other = owned.get(mac);
        if (other !== undefined) throw this.#error([...at, 'macs', n], `${mac} is an address of ${other} already`);
        owned.set(mac, port);
        return mac;
      });
      if (mode !== 'source' && child.sources.length > 0) {
        throw this.#error([...at, 'sources'], `belongs to mode source, and this is ${mode}; remove it`);
      }
      if (mode !== 'source' && mode !== 'passthru' && macs.length === 0) {
        throw this.#error(at, `mode ${mode} needs an address in "macs"`);
      }
      const sources = [...new Set(child.sources.map((text, n) => this.#mac([...at, 'sources', n], text)))];
      return { port, mode, macs, sources };
    });
    const passthru = children.find(({ mode }) => mode === 'passthru');
    if (passthru !== undefined && children.length > 1) {
      throw this.#error([...path, 'children', passthru.port, 'mode'], 'passthru is for the only child of a group');
    }
    return { name, parent: raw.parent, vlan: raw.vlan ?? null, children, host, hostAccess: raw.hostAccess };
  }

  #parent(name: string, { parent, vlan = 0 }: RawMacvlan): void {
    const path: Path = ['macvlan', name, 'parent'];
    const groups = this.#parents.get(parent);
    if (groups === undefined) this.#claim(path, parent, 'a macvlan parent');
    const other = groups?.get(vlan);
    if (other !== undefined) {
      throw this.#error(path, `group ${other} has ${vlan === 0 ? 'the untagged frames' : `VLAN ${vlan}`} of ${parent}`);
    }
    this.#parents.set(parent, new Map([...(groups ?? []), [vlan, name]]));
  }

  #claim(path: Path, port: string, what: string): void {
    const ports = this.#config.ports;
    if (!Object.hasOwn(ports, port)) {
      throw this.#error(path, `there is no port ${show(port)}${didYouMean(port, Object.keys(ports))}`);
    }
    if (ports[port].adapter === 'vxlan') throw this.#error(path, `port ${port} is a tunnel`);
    const vtep = this.#vxlan.ownerOf(port);
    const owner = vtep === undefined ? this.#owners.get(port) : `the uplink of VTEP ${vtep}`;
    if (owner !== undefined) throw this.#error(path, `port ${port} is ${owner} already`);
    this.#owners.set(port, what);
  }

  #mac(path: Path, text: string): string {
    const mac = text.toLowerCase().replaceAll('-', ':');
    const isGroup = (Number.parseInt(mac.slice(0, 2), 16) & 1) !== 0;
    if (!isGroup && mac !== '00:00:00:00:00:00') return mac;
    throw this.#error(path, `${mac} is not the address of one station`);
  }

  #error(path: Path, problem: string): ConfigError {
    return new ConfigError(this.#source.place(path), problem);
  }
}
