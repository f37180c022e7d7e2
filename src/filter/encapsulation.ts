/**
 * What stands around a frame's payload: `vlan`, `mpls`, `pppoes`, `vxlan`, `geneve`. Each is a test, and moves the
 * layers for what is written behind it.
 *
 * `vxlan [VNI]` is ours, made like libpcap's `geneve [VNI]`: behind it everything means the frame inside. Frames that
 * are no VXLAN have no frame inside: every test behind it is false for them.
 *
 * For captures of a running Linux interface libpcap asks the kernel for the outer VLAN tag, which is no longer in the
 * frame then. Frames of a switch carry their tags, as those of a capture file do.
 */

import { ETHERTYPE_MPLS, ETHERTYPE_PPPOE_SESSION, ETHERTYPE_QINQ, ETHERTYPE_VLAN } from '../wire/ethernet.ts';
import { TPID_QINQ_OLD } from '../wire/vlan.ts';
import { FilterError } from './error.ts';
import { type Layers, network } from './layers.ts';
import type { Token } from './lex.ts';
import { linkType } from './link-tests.ts';
import { hasPort } from './port-tests.ts';
import { isIpv4, isIpv6 } from './protocol-tests.ts';
import { all, any, equals, hasBits, load, masked, not, type Place, shifted, type Test, type Value } from './test.ts';

const TAG = 4;
const LABEL = 4;
const PPPOE_HEADER = 6;
const PPP_TYPE = 2;
const UDP_HEADER = 8;
const IPV6_BYTES = 40;
const VXLAN_PORT = 4789;
const VXLAN_I_FLAG = 0x08;
const GENEVE_PORT = 6081;
const GENEVE_VERSION = 0xc0;
const MAX_VNI = 0xffffff;

/** The largest identifier of each, and what it is called. */
const IDS: Readonly<Record<string, { most: number; name: string }>> = {
  vlan: { most: 0xfff, name: 'VLAN ID' },
  mpls: { most: 0xfffff, name: 'MPLS label' },
  pppoes: { most: 0xffff, name: 'PPPoE session' },
  vxlan: { most: MAX_VNI, name: 'VNI' },
  geneve: { most: MAX_VNI, name: 'VNI' },
};

export function enter(layers: Layers, token: Token, id: Token | null): Test {
  const { most, name } = IDS[token.text]!;
  if (id !== null && id.value > most) {
    throw new FilterError(id.column, `${id.text} is not a ${name}; valid are 0-${most}`);
  }
  const number = id === null ? null : id.value;
  switch (token.text) {
    case 'vlan':
      return enterVlan(layers, number, token);
    case 'mpls':
      return enterMpls(layers, number, token);
    case 'pppoes':
      return enterPppoe(layers, number, token);
    default:
      return enterTunnel(layers, number, token);
  }
}

function enterVlan(layers: Layers, vid: number | null, token: Token): Test {
  if (layers.labels > 0) throw new FilterError(token.column, 'behind "mpls" there is no "vlan"');
  if (layers.link === null) throw new FilterError(token.column, 'inside PPPoE there is no "vlan"');
  const isTagged = any(...[ETHERTYPE_VLAN, ETHERTYPE_QINQ, TPID_QINQ_OLD].map((type) => linkType(layers, type, token)));
  const test = vid === null ? isTagged : all(isTagged, equals(masked(load(network(layers), 0, 2), 0xfff), vid));
  layers.type = shifted(layers.type, TAG);
  layers.payload = shifted(layers.payload, TAG);
  return test;
}

function enterMpls(layers: Layers, label: number | null, token: Token): Test {
  const header = network(layers);
  // Behind a label stands a further one where the bottom-of-stack bit of the label is clear.
  const follows = layers.labels > 0 ? not(hasBits(load(header, -2, 1), 0x01)) : linkType(layers, ETHERTYPE_MPLS, token);
  layers.labels += LABEL;
  return label === null ? follows : all(follows, equals(masked(load(header, 0, 4), 0xfffff000), label << 12));
}

function enterPppoe(layers: Layers, session: number | null, token: Token): Test {
  const isSession = linkType(layers, ETHERTYPE_PPPOE_SESSION, token);
  const header = network(layers);
  layers.link = null;
  layers.type = shifted(header, PPPOE_HEADER);
  layers.payload = shifted(header, PPPOE_HEADER + PPP_TYPE);
  layers.labels = 0;
  return session === null ? isSession : all(isSession, equals(load(header, 2, 2), session));
}

function enterTunnel(layers: Layers, vni: number | null, token: Token): Test {
  const tunnel = layers.tunnels++;
  const geneve = token.text === 'geneve';
  const outer = network(layers);
  const port: Token = { ...token, kind: 'number', value: geneve ? GENEVE_PORT : VXLAN_PORT };
  const toPort = hasPort(layers, { protocol: 'udp', direction: 'dst', kind: 'port' }, port);
  const over = (header: Place, behindIpv4?: Place): Test => {
    const field = (bytes: number, size: 1 | 2 | 4): Value => {
      const place = shifted(header, bytes);
      return behindIpv4 === undefined ? { kind: 'load', place, size } : { kind: 'load', place, size, behindIpv4 };
    };
    const isValid = geneve ? not(hasBits(field(0, 1), GENEVE_VERSION)) : hasBits(field(0, 1), VXLAN_I_FLAG);
    const isOurs = vni === null ? [] : [equals(masked(field(4, 4), 0xffffff00), vni << 8)];
    const go: Test = { kind: 'enter', tunnel, header, geneve };
    return all(isValid, ...isOurs, behindIpv4 === undefined ? go : { ...go, behindIpv4 });
  };
  const test = all(
    toPort,
    any(
      all(isIpv4(layers, token), over(shifted(outer, UDP_HEADER), outer)),
      all(isIpv6(layers, token), over(shifted(outer, IPV6_BYTES + UDP_HEADER))),
    ),
  );
  layers.link = { base: { tunnel, part: 'link' }, offset: 0 };
  layers.type = { base: { tunnel, part: 'type' }, offset: 0 };
  layers.payload = { base: { tunnel, part: 'payload' }, offset: 0 };
  layers.labels = 0;
  return test;
}
