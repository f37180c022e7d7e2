/**
 * The keys of a port that belong to its adapter: which keys each adapter takes, what their values must look like,
 * and which device no two ports may share. The adapters room gives them meaning.
 */
import { ConfigError, type Path, type Source, show } from './error.ts';
import type { PortKey, RawPort } from './schema/port.ts';
import type { AdapterConfig } from './types.ts';

const ADAPTER_KEYS = {
  tap: ['device', 'queues', 'persistent', 'offloads', 'gro'],
  'af-packet': ['device', 'fanout', 'offloads', 'gro'],
  'af-xdp': ['device', 'queue', 'queues', 'gro'],
  cap: ['device', 'gro'],
  udp: ['local', 'remote', 'gro'],
  memory: [],
  vxlan: ['vxlan'],
  pcap: ['file'],
} as const satisfies Record<RawPort['adapter'], readonly PortKey[]>;

const VALID_DEVICE = 'valid are 1 to 15 visible ASCII characters without / : % and not "." or ".."';
const VALID_ENDPOINT = 'valid is HOST:PORT or [IPV6]:PORT with a port of 1-65535';

export class AdapterReader {
  readonly #source: Source;
  /** What is taken, such as `tap tap1`, and by which port. */
  readonly #taken = new Map<string, string>();

  constructor(source: Source) {
    this.#source = source;
  }

  /** Of this port alone. */
  read(name: string, port: RawPort): AdapterConfig {
    const path: Path = ['ports', name];
    this.#refuseForeignKeys(path, port);
    switch (port.adapter) {
      case 'tap':
        return this.#tap(path, port);
      case 'af-packet':
        return this.#packet(path, port);
      case 'af-xdp':
        return this.#xdp(path, port);
      case 'cap':
        return { kind: 'cap', options: { device: this.#device(path, port, 'eth0'), ...gro(port) } };
      case 'udp':
        return this.#udp(path, port);
      case 'pcap':
        return this.#pcap(path, port);
      case 'memory':
      case 'vxlan':
        return { kind: port.adapter, options: {} };
    }
  }

  #refuseForeignKeys(path: Path, port: RawPort): void {
    const own: readonly string[] = ADAPTER_KEYS[port.adapter];
    for (const key of new Set(Object.values(ADAPTER_KEYS).flat())) {
      if (port[key] === undefined || own.includes(key)) continue;
      const owners = Object.entries(ADAPTER_KEYS).filter(([, keys]) => (keys as readonly PortKey[]).includes(key));
      const named = owners
        .map(([owner]) => owner)
        .join(', ')
        .replace(/, ([^,]*)$/, ' or $1');
      const takes = own.length === 0 ? 'takes no such keys' : `takes ${own.join(', ')}`;
      throw this.#error([...path, key], `"${key}" belongs to adapter ${named}; adapter ${port.adapter} ${takes}`);
    }
  }

  #tap(path: Path, port: RawPort): AdapterConfig {
    const device = this.#device(path, port, 'tap1');
    const { queues = 1, persistent = false, offloads = 'auto' } = port;
    return { kind: 'tap', options: { device, queues, persistent, offloads, ...gro(port) } };
  }

  #packet(path: Path, port: RawPort): AdapterConfig {
    const device = this.#device(path, port, 'eth0');
    const { fanout, offloads = 'auto' } = port;
    if (offloads === 'on') {
      const why = 'the sender decides what it leaves undone';
      throw this.#error([...path, 'offloads'], `"on" is for adapter tap, here ${why}; valid are auto, off`);
    }
    return {
      kind: 'af-packet',
      options: { device, offloads, ...(fanout === undefined ? {} : { fanout }), ...gro(port) },
    };
  }

  #xdp(path: Path, port: RawPort): AdapterConfig {
    const device = this.#device(path, port, 'eth0');
    const { queue = 0, queues = port.queue === undefined ? undefined : 1 } = port;
    return { kind: 'af-xdp', options: { device, queue, ...(queues === undefined ? {} : { queues }), ...gro(port) } };
  }

  /** The interface of a port. */
  #device(path: Path, { device }: RawPort, example: string): string {
    if (device === undefined) throw this.#error([...path, 'device'], `is missing; valid is a name such as ${example}`);
    if (!/^[!-~]{1,15}$/.test(device) || /[/:%]/.test(device) || device === '.' || device === '..') {
      throw this.#error([...path, 'device'], `${show(device)} is not a device name; ${VALID_DEVICE}`);
    }
    return device;
  }

  #udp(path: Path, port: RawPort): AdapterConfig {
    const { local, remote } = port;
    for (const [key, value] of Object.entries({ local, remote })) {
      if (value === undefined) throw this.#error([...path, key], `is missing; ${VALID_ENDPOINT}`);
      if (!isEndpoint(value)) throw this.#error([...path, key], `${show(value)} is no endpoint; ${VALID_ENDPOINT}`);
    }
    if (local!.startsWith('[') !== remote!.startsWith('[') && isLiteral(local!) && isLiteral(remote!)) {
      throw this.#error([...path, 'remote'], 'local and remote mix IPv4 and IPv6; valid are two of one kind');
    }
    return { kind: 'udp', options: { local: local!, remote: remote!, ...gro(port) } };
  }

  #pcap(path: Path, port: RawPort): AdapterConfig {
    const { file } = port;
    if (file === undefined) return { kind: 'pcap', options: {} };
    if (file === '' || file.includes('\0')) {
      throw this.#error([...path, 'file'], `${show(file)} is not a path; valid is the path of a capture`);
    }
    return { kind: 'pcap', options: { file } };
  }

  /** Complains when another port has the device or address already. */
  take(name: string, { options }: AdapterConfig): void {
    const key = options.device === undefined ? 'local' : 'device';
    const value = options[key];
    if (typeof value !== 'string') return;
    const what = `${key} ${key === 'local' ? value.toLowerCase() : value}`;
    const owner = this.#taken.get(what);
    if (owner === undefined) this.#taken.set(what, name);
    else
      throw this.#error(['ports', name, key], `${show(what.slice(key.length + 1))} is used by port ${owner} already`);
  }

  #error(path: Path, problem: string): ConfigError {
    return new ConfigError(this.#source.place(path), problem);
  }
}

function gro({ gro: setting }: RawPort): { gro?: string } {
  return setting === undefined ? {} : { gro: setting };
}

/** `[V6]:PORT`, `V4:PORT` or `NAME:PORT`. */
export function isEndpoint(text: string): boolean {
  const match = /^(?:\[([^\][]+)\]|([^\][:\s/]+)):(\d{1,5})$/.exec(text);
  if (match === null) return false;
  const port = Number(match[3]);
  if (port < 1 || port > 65_535 || /^0/.test(match[3]!)) return false;
  if (match[1] !== undefined) return isIpv6(match[1]);
  const host = match[2]!;
  return /^[0-9.]+$/.test(host) ? isIpv4(host) : isHostName(host);
}

function isLiteral(endpoint: string): boolean {
  return endpoint.startsWith('[') || /^[0-9.]+:/.test(endpoint);
}

function isHostName(text: string): boolean {
  return text.length <= 253 && text.split('.').every((label) => /^(?!-)[A-Za-z0-9_-]{1,63}(?<!-)$/.test(label));
}

function isIpv4(text: string): boolean {
  const parts = text.split('.');
  return parts.length === 4 && parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255);
}

function isIpv6(text: string): boolean {
  const [address = '', zone, ...rest] = text.split('%');
  if (rest.length > 0 || (zone !== undefined && !/^[A-Za-z0-9_.-]{1,15}$/.test(zone))) return false;
  const halves = address.split('::');
  if (halves.length > 2) return false;
  let groups = 0;
  for (const [index, half] of halves.entries()) {
    if (half === '') {
      if (halves.length === 1) return false;
      continue;
    }
    const parts = half.split(':');
    for (const [i, part] of parts.entries()) {
      const isTail = index === halves.length - 1 && i === parts.length - 1;
      if (isTail && part.includes('.')) {
        if (!isIpv4(part)) return false;
        groups += 2;
      } else if (/^[0-9A-Fa-f]{1,4}$/.test(part)) groups++;
      else return false;
    }
  }
  return halves.length === 2 ? groups <= 7 : groups === 8;
}
