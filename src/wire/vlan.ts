/**
 * 802.1Q and 802.1ad tags: four bytes between the addresses and the type, any number of them.
 *
 * A tag is read where its TPID stands: `at` is the offset of the TPID, so the first tag of a frame is at off + 12
 * and the next one four bytes on. The 16 bits behind a tag are at `at + 4`: a further TPID, an EtherType or an
 * 802.3 length.
 *
 * Two questions have two answers. What a *bridge port* takes for its tag is its configuration: one TPID. What a
 * *dissector* shows as a tag is every TPID in use, which is `isTagType`.
 */

export const TAG_BYTES = 4;

export const TPID_C = 0x8100;
export const TPID_S = 0x88a8;
/** The S-tag of the years before 802.1ad. 0x9200 and 0x9300, rarer still, are left as ordinary types. */
export const TPID_QINQ_OLD = 0x9100;

/** The priority tag: PCP and DEI of a frame that belongs to no VLAN yet. */
export const VID_PRIORITY = 0;
export const VID_MIN = 1;
export const VID_MAX = 4094;
/** Never configured, learned or sent (IEEE 802.1Q-2022 table 9-2). */
export const VID_RESERVED = 4095;

/** Offset of the first TPID from the start of the frame. */
export const FIRST_TAG = 12;

/*
 * IEEE 802.1Q-2022 9.3-9.6
 *
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |             TPID              | PCP |D|          VID          |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *                                 |<---------- TCI ------------->|
 */
const TPID = 0;
const TCI = 2;
const NEXT = 4;

const PCP_SHIFT = 13;
const DEI_SHIFT = 12;
const VID_MASK = 0x0fff;

/** True when the TPID and TCI at `at` and the 16 bits behind them lie before `end`. */
export function tagFits(at: number, end: number): boolean {
  return end - at >= TAG_BYTES + 2;
}

export function tagTpid(view: DataView, at: number): number {
  return view.getUint16(at + TPID);
}

export function tagTci(view: DataView, at: number): number {
  return view.getUint16(at + TCI);
}

/** The 16 bits behind the tag: next TPID, EtherType or 802.3 length. */
export function tagNext(view: DataView, at: number): number {
  return view.getUint16(at + NEXT);
}

/** A TPID that names a VLAN tag for a reader of captures. */
export function isTagType(type: number): boolean {
  return type === TPID_C || type === TPID_S || type === TPID_QINQ_OLD;
}

/** 0..7, 7 is the most urgent. */
export function tciPcp(tci: number): number {
  return tci >>> PCP_SHIFT;
}

/** 0 or 1: may be dropped first. */
export function tciDei(tci: number): number {
  return (tci >>> DEI_SHIFT) & 1;
}

/** 0..4095; 0 and 4095 are no VLAN. */
export function tciVid(tci: number): number {
  return tci & VID_MASK;
}

export function makeTci(pcp: number, dei: number, vid: number): number {
  return (pcp << PCP_SHIFT) | (dei << DEI_SHIFT) | (vid & VID_MASK);
}

/** The same PCP and DEI with another VID: what every retag does. */
export function tciWithVid(tci: number, vid: number): number {
  return (tci & ~VID_MASK & 0xffff) | vid;
}

/** Tags that follow each other from `at`, as far as they are whole before `end`. */
export function countTags(view: DataView, at: number, end: number): number {
  let count = 0;
  for (let next = at; tagFits(next, end) && isTagType(view.getUint16(next)); next += TAG_BYTES) count++;
  return count;
}

export function writeTag(view: DataView, at: number, tpid: number, tci: number): void {
  view.setUint16(at + TPID, tpid);
  view.setUint16(at + TCI, tci);
}

export function writeTci(view: DataView, at: number, tci: number): void {
  view.setUint16(at + TCI, tci);
}

/** `vlan 10`, `vlan 10 pcp 5 dei`. */
export function tciText(tci: number): string {
  const pcp = tciPcp(tci);
  return `vlan ${tciVid(tci)}${pcp === 0 ? '' : ` pcp ${pcp}`}${tciDei(tci) === 0 ? '' : ' dei'}`;
}
