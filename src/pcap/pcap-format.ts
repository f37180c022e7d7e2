/**
 * The bytes of a classic capture file, as draft-ietf-opsawg-pcap and libpcap's pcap-savefile(5) have them.
 *
 *   File Header (section 4), 24 bytes, in the byte order of the machine that wrote it:
 *
 *    0                   1                   2                   3
 *    +---------------------------------------------------------------+
 *  0 |                          Magic Number                         |
 *    +-------------------------------+-------------------------------+
 *  4 |         Major Version         |         Minor Version         |
 *    +-------------------------------+-------------------------------+
 *  8 |            Reserved1 (time zone), Reserved2 (accuracy)        |
 * 16 |                            SnapLen                            |
 *    +-----+-+-+---------------------+-------------------------------+
 * 20 | FCS |f|0|      Reserved       |           LinkType            |
 *    +-----+-+-+---------------------+-------------------------------+
 *
 *   Packet Record (section 5), 16 bytes and the packet:
 *
 *    +---------------------------------------------------------------+
 *  0 |                      Timestamp (Seconds)                      |
 *  4 |            Timestamp (Microseconds or nanoseconds)            |
 *  8 |                    Captured Packet Length                     |
 * 12 |                    Original Packet Length                     |
 *    +---------------------------------------------------------------+
 *
 *   The "modified" format (magic a1b2cd34: Alexey Kuznetzov's patches to libpcap, Red Hat and SuSE around
 *   1999) puts 8 or 12 bytes more into the record header: ifindex(4), protocol(2), packet type(1), then
 *   pad(1), or cpu(2) pad(3). Nothing in the file says which of the two it is: see pcap-variant.ts.
 *
 *   Ixia's testers (magics 1c0001ac and 1c0001ab, times in microseconds) put four bytes behind the file header:
 *   the length of all records together.
 */
export const MAGIC_MICRO = 0xa1b2c3d4;
export const MAGIC_NANO = 0xa1b23c4d;
export const MAGIC_MODIFIED = 0xa1b2cd34;
export const MAGIC_IXIA_HARDWARE = 0x1c0001ac;
export const MAGIC_IXIA_SOFTWARE = 0x1c0001ab;

export const FILE_HEADER_BYTES = 24;
export const IXIA_FILE_HEADER_BYTES = 28;
export const VERSION_MAJOR_AT = 4;
export const VERSION_MINOR_AT = 6;
export const SNAPLEN_AT = 16;
export const LINKTYPE_AT = 20;

export const RECORD_HEADER_BYTES = 16;
export const RECORD_FRACTION_AT = 4;
export const RECORD_CAPLEN_AT = 8;
export const RECORD_ORIGLEN_AT = 12;

export const NOKIA_RECORD_HEADER_BYTES = 20;
export const MODIFIED_RECORD_HEADER_BYTES = 24;
export const MODIFIED_SMP_RECORD_HEADER_BYTES = 28;

export const LINKTYPE_MASK = 0xffff;
export const RESERVED_MASK = 0x03ff0000;
export const FCS_PRESENT_BIT = 0x04000000;
/** The FCS length stands in the top four bits, in units of 16 bits. */
export const FCS_LENGTH_SHIFT = 28;
