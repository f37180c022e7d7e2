/**
 * LINKTYPE_ numbers and what a record of that type may hold at most.
 *
 * The maximum is the reader's defence against a damaged length: what is larger is damage, not a packet.
 * The values are those of wiretap (wtap_max_snaplen_for_encap), so that both stop at the same record.
 */
export const LINKTYPE_NULL = 0;
export const LINKTYPE_ETHERNET = 1;
export const LINKTYPE_RAW = 101;

const LINKTYPE_DBUS = 231;
const LINKTYPE_USBPCAP = 249;
const LINKTYPE_EBHSCR = 279;

export const MAX_PACKET_BYTES = 262_144;
const MAX_DBUS_BYTES = 128 * 1024 * 1024;
const MAX_USBPCAP_BYTES = 128 * 1024 * 1024;
const MAX_EBHSCR_BYTES = 8 * 1024 * 1024;

export function maxPacketBytes(linkType: number): number {
  switch (linkType) {
    case LINKTYPE_DBUS:
      return MAX_DBUS_BYTES;
    case LINKTYPE_USBPCAP:
      return MAX_USBPCAP_BYTES;
    case LINKTYPE_EBHSCR:
      return MAX_EBHSCR_BYTES;
    default:
      return MAX_PACKET_BYTES;
  }
}
