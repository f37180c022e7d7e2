/**
 * What each port is to groups of ports that share a parent (macvlan.ts, ipvlan.ts). It has one place: parent (of several groups of
 * one kind, each with another VLAN), child or host.
 */
import { ConfigError, didYouMean, type Path, type Source, show } from './error.ts';
import type { RawConfig } from './schema/schema.ts';
import type { MirrorConfig } from './types.ts';
import type { Vxlan } from './vxlan.ts';

export const MAX_GROUPS = 256;

export class GroupPorts {
  readonly #owners = new Map<string, string>();
  readonly #parents = new Map<string, { kind: string; groups: Map<number, string> }>();
  readonly #config: RawConfig;
  readonly #vxlan: Vxlan;
  readonly #source: Source;

  constructor(config: RawConfig, vxlan: Vxlan, source: Source) {
    this.#config = config;
    this.#vxlan = vxlan;
    this.#source = source;
  }

  /** What the port is to a group, in words, or undefined. */
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
        throw this.error(['mirrors', n, key], what);
      }
    });
  }

  refuseTooMany(section: string, names: readonly string[]): void {
    if (names.length <= MAX_GROUPS) return;
    throw this.error([section], `there are ${names.length} groups; valid are at most ${MAX_GROUPS}`);
  }

  /** Makes the port a child or host: `what` in words. */
  claim(path: Path, port: string, what: string): void {
    const ports = this.#config.ports;
    if (!Object.hasOwn(ports, port)) {
      throw this.error(path, `there is no port ${show(port)}${didYouMean(port, Object.keys(ports))}`);
    }
    if (ports[port].adapter === 'vxlan') throw this.error(path, `port ${port} is a tunnel`);
    const vtep = this.#vxlan.ownerOf(port);
    const owner = vtep === undefined ? this.#owners.get(port) : `the uplink of VTEP ${vtep}`;
    if (owner !== undefined) throw this.error(path, `port ${port} is ${owner} already`);
    this.#owners.set(port, what);
  }

  /** Makes the port the parent of a group of this kind, or of one more. */
  claimParent(kind: string, group: string, port: string, vlan = 0): void {
    const path: Path = [kind, group, 'parent'];
    const shared = this.#parents.get(port);
    if (shared?.kind !== kind) {
      this.claim(path, port, `${kind === 'ipvlan' ? 'an' : 'a'} ${kind} parent`);
      this.#parents.set(port, { kind, groups: new Map([[vlan, group]]) });
      return;
    }
    const other = shared.groups.get(vlan);
    if (other !== undefined) {
      throw this.error(path, `group ${other} has ${vlan === 0 ? 'the untagged frames' : `VLAN ${vlan}`} of ${port}`);
    }
    shared.groups.set(vlan, group);
  }

  /** The MAC of one station, in its one text form. */
  stationMac(path: Path, text: string): string {
    const mac = text.toLowerCase().replaceAll('-', ':');
    const isGroup = (Number.parseInt(mac.slice(0, 2), 16) & 1) !== 0;
    if (!isGroup && mac !== '00:00:00:00:00:00') return mac;
    throw this.error(path, `${mac} is not the address of one station`);
  }

  error(path: Path, problem: string): ConfigError {
    return new ConfigError(this.#source.place(path), problem);
  }
}
