/**
 * Tests of the layer below IP: EtherTypes, 802.2, and what stands in their place behind MPLS and PPPoE.
 *
 * Types are taken from the frame's first type field: tags that no `vlan` of the filter has passed are not skipped.
 */

import { ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from '../wire/ethernet.ts';
import { FilterError } from './error.ts';
import { type Layers, network } from './layers.ts';
import type { Token } from './lex.ts';
import { ETHER_TYPES } from './names.ts';
import { above, all, any, equals, hasBits, load, masked, not, type Test } from './test.ts';

/** The largest 802.3 length (ETHERMTU): above it the field is a type. */
const LONGEST_LENGTH = 1500;
const ETHERTYPE_IPX = 0x8137;
const SAP_SNAP = 0xaa;
const UI = 0x03;
/** ISO, IP and NetBEUI frames have the same SAP on both sides. */
const PAIRED_SAPS: ReadonlySet<number> = new Set([0xfe, 0x06, 0xf0]);
const PPP_TYPES: Readonly<Record<number, number>> = {
  [ETHERTYPE_IPV4]: 0x0021,
  [ETHERTYPE_IPV6]: 0x0057,
  [ETHER_TYPES.decnet!]: 0x0027,
  [ETHER_TYPES.atalk!]: 0x0029,
  [ETHER_TYPES.iso!]: 0x0023,
  [ETHER_TYPES.stp!]: 0x0031,
  [ETHER_TYPES.ipx!]: 0x002b,
};

/** Frames of an EtherType, or of an 802.2 SAP where the number is below 1501. */
export function linkType(layers: Layers, type: number, token: Token): Test {
  if (layers.labels > 0) return labelled(layers, type, token);
  if (layers.link === null) return equals(load(layers.type, 0, 2), PPP_TYPES[type] ?? type);
  const typeIs = (value: number) => equals(load(layers.type, 0, 2), value);
  const llc = layers.payload;
  if (PAIRED_SAPS.has(type)) return all(is8023(layers), equals(load(llc, 0, 2), (type << 8) | type));
  if (type === ETHER_TYPES.ipx) {
    const raw = any(equals(load(llc, 0, 1), type), equals(load(llc, 0, 2), 0xffff), snap(layers, 0, ETHERTYPE_IPX));
    return any(typeIs(ETHERTYPE_IPX), all(is8023(layers), raw));
  }
  if (type === ETHER_TYPES.atalk) return any(typeIs(type), all(is8023(layers), snap(layers, 0x080007, type)));
  if (type === ETHER_TYPES.aarp) return any(typeIs(type), all(is8023(layers), snap(layers, 0, type)));
  if (type <= LONGEST_LENGTH) return all(is8023(layers), equals(load(layers.type, 2, 1), type));
  return typeIs(type);
}

export function is8023(layers: Layers): Test {
  return not(above(load(layers.type, 0, 2), LONGEST_LENGTH));
}

function snap({ payload }: Layers, oui: number, type: number): Test {
  // From the end, as libpcap compares bytes: a frame that is cut inside is none either way.
  return all(
    equals(load(payload, 4, 4), ((oui & 0xffff) << 16) | type),
    equals(load(payload, 0, 4), (SAP_SNAP << 24) | (SAP_SNAP << 16) | (UI << 8) | (oui >>> 16)),
  );
}

/** Behind labels there is no type: the bottom of the stack and the version say what it is. */
function labelled(layers: Layers, type: number, token: Token): Test {
  const version = type === ETHERTYPE_IPV4 ? 0x40 : type === ETHERTYPE_IPV6 ? 0x60 : 0;
  if (version === 0)
    throw new FilterError(token.column, 'behind "mpls" only ip and ip6 and what they carry can be told');
  const header = network(layers);
  return all(equals(masked(load(header, -2, 1), 0x01), 0x01), equals(masked(load(header, 0, 1), 0xf0), version));
}

const LLC_SUPERVISORY: Readonly<Record<string, number>> = { rr: 0x01, rnr: 0x05, rej: 0x09 };
const LLC_UNNUMBERED: Readonly<Record<string, number>> = {
  ui: 0x03,
  ua: 0x63,
  disc: 0x43,
  dm: 0x0f,
  sabme: 0x6f,
  test: 0xe3,
  xid: 0xaf,
  frmr: 0x87,
};

/** `llc`, or `llc` and the format or the name of its control field (IEEE 802.2 §5.3). */
export function llc(layers: Layers, type: Token | null): Test {
  const { payload } = layers;
  const isLlc = all(is8023(layers), not(equals(load(payload, 0, 2), 0xffff)));
  if (type === null) return isLlc;
  const control = load(payload, 2, 1);
  const name = type.text.toLowerCase();
  if (name === 'i') return all(isLlc, not(hasBits(control, 0x01)));
  if (name === 's') return all(isLlc, equals(masked(control, 0x03), 0x01));
  if (name === 'u') return all(isLlc, equals(masked(control, 0x03), 0x03));
  const supervisory = LLC_SUPERVISORY[name];
  if (supervisory !== undefined) return all(isLlc, equals(masked(control, 0x0f), supervisory));
  const unnumbered = LLC_UNNUMBERED[name];
  if (unnumbered !== undefined) return all(isLlc, equals(masked(control, 0xef), unnumbered));
  const names = ['i', 's', 'u', ...Object.keys(LLC_SUPERVISORY), ...Object.keys(LLC_UNNUMBERED)];
  throw new FilterError(type.column, `"${name.slice(0, 40)}" is no kind of LLC frame; valid are ${names.join(', ')}`);
}
