/**
 * `vxlanFdb:` entries against the tunnels and VTEPs of the same file.
 */
import { ConfigError, type Path, type Source, show } from './error.ts';
import { canonicalIp, isHost, isIpv6 } from './ip.ts';
import { byName } from './remembered.ts';
import type { RawConfig } from './schema/schema.ts';
import type { VtepConfig, VxlanEntryConfig } from './types/vxlan.ts';
import type { PortConfig } from './types.ts';

/** Entries that are a part of a list. */
export interface VxlanEntriesPlace {
  /** Where the first of them stands. */
  first: number;
  /** Where the others have an address. */
  taken(port: string, vni: number, mac: string): number | undefined;
}

const WHOLE: VxlanEntriesPlace = { first: 0, taken: () => undefined };

export function readVxlanEntries(
  raw: RawConfig['vxlanFdb'],
  ports: readonly PortConfig[],
  vteps: readonly VtepConfig[],
  source: Source,
  { first: start, taken }: VxlanEntriesPlace = WHOLE,
): VxlanEntryConfig[] {
  const error = (path: Path, problem: string) => new ConfigError(source.place(path), problem);
  const named = byName(ports);
  const seen = new Map<string, number>();
  return raw.map((entry, i) => {
    const index = start + i;
    const path: Path = ['vxlanFdb', index];
    const port = named.get(entry.port);
    const tunnel = port?.tunnel ?? null;
    if (tunnel === null) {
      const what = port === undefined ? `there is no port ${show(entry.port)}` : `port ${entry.port} is no tunnel`;
      throw error([...path, 'port'], `${what}; valid is a port with the adapter vxlan`);
    }
    if (entry.vni === undefined && tunnel.vnis.length !== 1) {
      throw error([...path, 'vni'], `is missing; port ${entry.port} has ${tunnel.vnis.length}`);
    }
    const vni = entry.vni ?? tunnel.vnis[0]!.vni;
    if (!tunnel.vnis.some((each) => each.vni === vni)) {
      throw error([...path, 'vni'], `port ${entry.port} has no VNI ${vni}`);
    }
    const mac = entry.mac.toLowerCase().replaceAll('-', ':');
    if (mac === '00:00:00:00:00:00') {
      throw error([...path, 'mac'], 'the zero address is the flood list; it is "remotes" of the port');
    }
    if (entry.remote !== undefined && entry.remotes !== undefined) {
      throw error([...path, 'remotes'], 'the entry has a remote already; valid is "remote" or "remotes"');
    }
    const { local } = vteps.find(({ name }) => name === tunnel.vtep)!;
    const key = entry.remotes === undefined ? 'remote' : 'remotes';
    const given = entry.remotes ?? (entry.remote === undefined ? [] : [entry.remote]);
    const remotes = given.map((remote) => readRemote([...path, key], remote, local, source));
    if ((entry.kind === 'blackhole') !== (remotes.length === 0)) {
      const problem =
        entry.kind === 'blackhole' ? 'a blackhole has no remote; remove it' : 'is missing; valid is an address';
      throw error([...path, key], problem);
    }
    if (remotes.length > 1 && (Number.parseInt(mac.slice(0, 2), 16) & 1) === 0) {
      throw error([...path, key], `${mac} is one host: it is behind one remote`);
    }
    const first = seen.get(`${entry.port} ${vni} ${mac}`) ?? taken(entry.port, vni, mac);
    if (first !== undefined) {
      throw error([...path, 'mac'], `${mac} is configured twice; the first one is vxlanFdb[${first}]`);
    }
    seen.set(`${entry.port} ${vni} ${mac}`, index);
    return { port: entry.port, vni, mac, remotes: [...new Set(remotes)], kind: entry.kind };
  });
}

/** An address of a host of the family of `local`. */
export function readRemote(path: Path, text: string, local: string, source: Source): string {
  const error = (problem: string) => new ConfigError(source.place(path), problem);
  const address = canonicalIp(text);
  if (address === null) throw error(`${show(text)} is no IP address`);
  if (isIpv6(address) !== isIpv6(local)) {
    throw error(`${address} and the local address ${local} are not of one family`);
  }
  if (!isHost(address)) throw error(`${address} is no address of a host`);
  if (address === local) throw error(`${address} is the VTEP itself`);
  return address;
}
