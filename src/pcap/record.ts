/**
 * The current record: one set of fields that every `next()` overwrites, so that reading a million frames
 * makes no objects. The two format parsers write it, `CaptureReader` is it.
 */

/** What a record that carries no packet reports as its link type: nothing can be dissected there. */
export const NO_LINK_TYPE = -1;

export interface RecordFields {
  /** 'other' is a record without a packet, such as a pcapng custom block: numbered, never forwarded. */
  kind: 'packet' | 'other';
  /** Memory of the frame. Valid until the next call: the reader moves and replaces it. */
  buffer: Uint8Array;
  view: DataView;
  offset: number;
  capLen: number;
  /** The length on the wire, as the file says: may be less than capLen, or nonsense up to 2^31 - 1. */
  origLen: number;
  /** False where the file has no time (pcapng SPB, custom block): seconds and nanos stay the last record's. */
  timed: boolean;
  seconds: number;
  /** 0..999,999,999 always: a file's overlong fraction is carried into `seconds`. */
  nanos: number;
  linkType: number;
  /** pcapng: index within the current section. pcap: 0. */
  interfaceId: number;
  /** pcapng: where the block's options lie in `buffer`, for OptionWalk; length 0 when it has none. */
  optionsOffset: number;
  optionsLength: number;
}

const MAX_LENGTH = 0x7fff_ffff;

/** A length beyond 2^31 - 1 is damage; it is shown as that limit, as tshark shows it. */
export function believableLength(length: number): number {
  return Math.min(length, MAX_LENGTH);
}
