/**
 * Frames as people write them on a command line: hex digits, or the fields that matter.
 *
 *   dst=02:00:00:00:00:02,src=02:00:00:00:00:01,vlan=10,ip=10.0.0.1-10.0.0.2,udp=5000-53
 *
 * Everything that is left out has a value that works: from 02:00:00:00:00:01 to everybody, without a tag.
 */

import { LARGE_FRAME_BYTES } from '../dataplane/arena.ts';
import { ARP_REQUEST } from '../wire/arp.ts';
import {
  arpFrame,
  ethernetFrame,
  type FrameHead,
  icmpIpv4,
  icmpv6Ipv6,
  padFrame,
  type Tag,
  udpIpv4,
  udpIpv6,
} from '../wire/build.ts';
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6, parseMac } from '../wire/ethernet.ts';
import { ICMP_ECHO_REQUEST } from '../wire/icmp.ts';
import { ICMPV6_ECHO_REQUEST } from '../wire/icmpv6.ts';
import { parseIpv4 } from '../wire/ipv4.ts';
import { parseIpv6 } from '../wire/ipv6-text.ts';
import { TPID_C, TPID_S } from '../wire/vlan.ts';
import { TraceError } from './error.ts';

/** Hex digits, with or without separators between bytes. */
export function readHex(text: string): Uint8Array {
  const digits = text.replace(/^0x/i, '').replace(/[\s:.-]/g, '');
  if (!/^[0-9a-f]*$/i.test(digits)) throw new TraceError('the frame is not hex digits');
  if (digits.length % 2 !== 0) throw new TraceError(`the frame has ${digits.length} hex digits, which are no bytes`);
  if (digits.length === 0) throw new TraceError('the frame is empty');
  const length = digits.length / 2;
  if (length > LARGE_FRAME_BYTES) throw tooLong(length);
  return Uint8Array.from(Buffer.from(digits, 'hex'));
}

const KEYS = ['dst', 'src', 'vlan', 'svlan', 'type', 'ip', 'udp', 'arp', 'len'] as const;
type Key = (typeof KEYS)[number];
type Fields = Partial<Record<Key, string>>;

const TYPE_EXPERIMENTAL = 0x88b5; // IEEE 802 local experimental EtherType 1
const BROADCAST = 'ff:ff:ff:ff:ff:ff';
const SOMEBODY = '02:00:00:00:00:01';
const ZERO = '00:00:00:00:00:00';
const MAX_PCP = 7;
const MAX_TAG_VID = 4095;
const MAX_U16 = 65_535;

/** A frame from `key=value,…`. */
export function readFields(text: string): Uint8Array {
  const fields = split(text);
  const tags = [...tagOf(fields.svlan, 'svlan', TPID_S), ...tagOf(fields.vlan, 'vlan', TPID_C)];
  const head: FrameHead = { dst: mac(fields.dst ?? BROADCAST), src: mac(fields.src ?? SOMEBODY), tags };
  return lengthened(payloadOf(fields, head), fields.len);
}

function split(text: string): Fields {
  const fields: Fields = {};
  for (const part of text.split(',')) {
    const at = part.indexOf('=');
    const key = part.slice(0, at).trim() as Key;
    if (at < 0 || !KEYS.includes(key)) {
      throw new TraceError(`"${part.slice(0, 40)}" is no field of a frame; valid are ${KEYS.join('=, ')}=`);
    }
    if (fields[key] !== undefined) throw new TraceError(`${key} is given twice`);
    fields[key] = part.slice(at + 1).trim();
  }
  const contents = (['type', 'ip', 'arp'] as const).filter((key) => fields[key] !== undefined);
  if (contents.length > 1) throw new TraceError(`${contents.join(' and ')} do not go together`);
  if (fields.udp !== undefined && fields.ip === undefined) throw new TraceError('udp needs ip=FROM-TO');
  return fields;
}

function payloadOf({ type, ip, udp, arp }: Fields, head: FrameHead): Uint8Array {
  if (arp !== undefined) {
    const [sender, target] = pair(arp, 'arp', isIpv4, 'IPv4 addresses');
    const fields = { operation: ARP_REQUEST, senderMac: head.src, senderIp: sender, targetMac: ZERO, targetIp: target };
    return arpFrame(head, fields);
  }
  if (ip === undefined)
    return ethernetFrame(head, type === undefined ? TYPE_EXPERIMENTAL : number(type, 'type', MAX_U16));
  const [src, dst] = pair(ip, 'ip', (each) => isIpv4(each) || parseIpv6(each) !== null, 'IP addresses');
  if (isIpv4(src) !== isIpv4(dst)) throw new TraceError('ip: the two addresses are of different versions');
  const ports = udp === undefined ? null : pair(udp, 'udp', (each) => /^\d+$/.test(each), 'ports');
  const [from, to] = (ports ?? []).map((each) => number(each, 'udp', MAX_U16));
  if (isIpv4(src)) {
    const packet =
      ports === null ? icmpIpv4({ src, dst }, ICMP_ECHO_REQUEST, 0, 1, 1) : udpIpv4({ src, dst }, from, to);
    return ethernetFrame(head, ETHERTYPE_IPV4, packet);
  }
  const echo = () => icmpv6Ipv6({ src, dst }, ICMPV6_ECHO_REQUEST, 0, 1);
  return ethernetFrame(head, ETHERTYPE_IPV6, ports === null ? echo() : udpIpv6({ src, dst }, from, to));
}

function lengthened(frame: Uint8Array, len: string | undefined): Uint8Array {
  if (len === undefined) return padFrame(frame);
  const length = number(len, 'len', LARGE_FRAME_BYTES);
  const sized = new Uint8Array(length);
  sized.set(frame.subarray(0, length));
  return sized;
}

/** `10`, or `10/5` with a priority. */
function tagOf(text: string | undefined, key: string, tpid: number): Tag[] {
  if (text === undefined) return [];
  const [vid, pcp = '0'] = text.split('/');
  return [{ vid: number(vid, key, MAX_TAG_VID), pcp: number(pcp, `${key} priority`, MAX_PCP), tpid }];
}

function mac(text: string): string {
  if (parseMac(text) === null) throw new TraceError(`"${text.slice(0, 40)}" is not a MAC address`);
  return text;
}

function pair(text: string, key: string, isValid: (each: string) => boolean, what: string): [string, string] {
  const parts = text.split(/[->]/);
  const [first, second] = parts;
  if (parts.length !== 2 || !isValid(first) || !isValid(second)) {
    throw new TraceError(`${key}: "${text.slice(0, 80)}" is not FROM-TO, two ${what}`);
  }
  return [first, second];
}

const isIpv4 = (text: string) => parseIpv4(text) !== null;

function number(text: string, key: string, most: number): number {
  const value = /^(0x[0-9a-f]{1,4}|\d{1,6})$/i.test(text) ? Number(text) : Number.NaN;
  if (!(value <= most)) {
    const problem = Number.isNaN(value) ? `"${text.slice(0, 40)}" is not a number` : `${value} is out of range`;
    throw new TraceError(`${key}: ${problem}; valid are 0-${most}`);
  }
  return value;
}

function tooLong(length: number): TraceError {
  return new TraceError(`the frame has ${length} bytes; valid are at most ${LARGE_FRAME_BYTES}`);
}
