/**
 * `classify:`: the VLAN of untagged frames by source MAC, subnet and protocol. VLANs that it names exist in every bridge
 * that has a port which asks for it; that the port is a member is checked for each frame, like any VLAN.
 */
import { addressBytes, addressText, masked } from '../wire/address.ts';
import type { Bridge } from './bridges.ts';
import { ConfigError, type Path, type Source, show } from './error.ts';
import { Remembered } from './remembered.ts';
import type { RawConfig } from './schema/schema.ts';
import type { ClassificationConfig } from './types.ts';

export const MAX_CLASSIFIED_MACS = 100_000;
const MAX_MASKS = 256;
const MAX_SUBNETS = 16_384;

const PROTOCOLS: Record<string, number> = {
  ipv4: 0x0800,
  arp: 0x0806,
  ipv6: 0x86dd,
  'pppoe-discovery': 0x8863,
  pppoe: 0x8864,
  ipx: 0x8137,
  appletalk: 0x809b,
  profinet: 0x8892,
};

export const NO_CLASSIFICATION: ClassificationConfig = { order: [], macs: [], subnets: [], protocols: [] };

const remembered = new Remembered<{ classification: ClassificationConfig; vids: readonly number[] }>();

/** `asking` are the bridges of ports with `classify: true`. */
export function readClassification(
  raw: RawConfig['classify'],
  asking: ReadonlySet<Bridge>,
  source: Source,
): ClassificationConfig {
  if (raw === undefined) return NO_CLASSIFICATION;
  const { classification, vids } = remembered.of(raw, [], () => {
    const read = readRules(raw, source);
    return { classification: read, vids: vidsOf(read) };
  });
  for (const bridge of asking) for (const vid of vids) bridge.ensure(vid);
  return classification;
}

function vidsOf({ macs, subnets, protocols }: ClassificationConfig): number[] {
  return [...new Set([...macs, ...subnets, ...protocols].map(({ vid }) => vid))];
}

function readRules(raw: NonNullable<RawConfig['classify']>, source: Source): ClassificationConfig {
  const error = (path: Path, problem: string) => new ConfigError(source.place(['classify', ...path]), problem);
  const { order } = raw;
  if (new Set(order).size < order.length) throw error(['order'], 'names one of them twice');
  const bound = (key: 'macs' | 'subnets' | 'protocols', max: number) => {
    const count = Object.keys(raw[key]).length;
    if (count > max) throw error([key], `there are ${count}; valid are at most ${max}`);
  };
  bound('macs', MAX_CLASSIFIED_MACS);
  bound('subnets', MAX_SUBNETS);
  bound('protocols', 64);
  const seen = new Set<string>();
  const once = (key: string, path: Path) => {
    if (seen.has(key)) throw error(path, `${key} is there twice`);
    seen.add(key);
  };
  const macs = Object.entries(raw.macs).map(([text, vid]) => {
    const match = /^((?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2})(?:\/(\d{1,2}))?$/.exec(text);
    const bits = Number(match?.[2] ?? 48);
    if (match === null || bits < 1 || bits > 48) {
      throw error(
        ['macs', text],
        `${show(text)} is not a MAC address; valid is a form such as 02:00:00:00:00:01 or 02:00:00:00:00:00/24`,
      );
    }
    const mac = match[1]!.toLowerCase().replaceAll('-', ':');
    once(`${mac}/${bits}`, ['macs', text]);
    return { mac, bits, vid };
  });
  const masks = macs.filter(({ bits }) => bits < 48).length;
  if (masks > MAX_MASKS) throw error(['macs'], `there are ${masks} with a mask; valid are at most ${MAX_MASKS}`);
  const subnets = Object.entries(raw.subnets).map(([text, vid]) => {
    const match = /^([0-9A-Fa-f:.]{2,45})\/(\d{1,3})$/.exec(text);
    const bytes = match === null ? null : addressBytes(match[1]!);
    if (bytes === null || Number(match![2]) > bytes.length * 8) {
      throw error(['subnets', text], `${show(text)} is not a prefix; valid is a form such as 10.0.10.0/24`);
    }
    const prefix = `${addressText(masked(bytes, Number(match![2])))}/${Number(match![2])}`;
    once(prefix, ['subnets', text]);
    return { prefix, vid };
  });
  const protocols = Object.entries(raw.protocols).map(([text, vid]) => {
    const type = PROTOCOLS[text] ?? (/^0x[0-9a-fA-F]{4}$/.test(text) ? Number(text) : 0);
    if (type < 0x0600) {
      const valid = `${Object.keys(PROTOCOLS).join(', ')}, or an EtherType such as '0x88b5'`;
      throw error(['protocols', text], `${show(text)} is not a protocol; valid are ${valid}`);
    }
    once(`protocol 0x${type.toString(16)}`, ['protocols', text]);
    return { type, vid };
  });
  return { order, macs, subnets, protocols };
}
