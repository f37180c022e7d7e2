/**
 * The bytes of pcapng, draft-ietf-opsawg-pcapng. Every block has one frame around it ("General Block
 * Structure"), in the byte order of its section:
 *
 *    0                   1                   2                   3
 *    +---------------------------------------------------------------+
 *  0 |                          Block Type                           |
 *    +---------------------------------------------------------------+
 *  4 |                      Block Total Length                       |
 *    +---------------------------------------------------------------+
 *  8 /                          Block Body                           /
 *    /              variable length, padded to 32 bits               /
 *    +---------------------------------------------------------------+
 *    |                      Block Total Length                       |
 *    +---------------------------------------------------------------+
 *
 * Offsets below count from the start of the block.
 */
export const BLOCK_SECTION_HEADER = 0x0a0d0d0a; // a palindrome: reads the same in both byte orders
export const BLOCK_INTERFACE = 0x00000001;
export const BLOCK_PACKET = 0x00000002;
export const BLOCK_SIMPLE_PACKET = 0x00000003;
export const BLOCK_NAME_RESOLUTION = 0x00000004;
export const BLOCK_STATISTICS = 0x00000005;
export const BLOCK_ENHANCED_PACKET = 0x00000006;
export const BLOCK_JOURNAL = 0x00000009;
export const BLOCK_DECRYPTION_SECRETS = 0x0000000a;
export const BLOCK_SYSDIG_EVENT = 0x00000204;
export const BLOCK_SYSDIG_EVENT_V2 = 0x00000216;
export const BLOCK_SYSDIG_EVENT_V2_LARGE = 0x00000221;
export const BLOCK_CUSTOM = 0x00000bad;
export const BLOCK_CUSTOM_NO_COPY = 0x40000bad;

export const TOTAL_LENGTH_AT = 4;
export const BODY_AT = 8;
export const TRAILER_BYTES = 4;
export const MIN_BLOCK_BYTES = 12;

/** "Section Header Block": magic(4) major(2) minor(2) section length(8), options. */
export const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
export const SHB_MAGIC_AT = 8;
export const SHB_MAJOR_AT = 12;
export const SHB_MINOR_AT = 14;
export const SHB_SECTION_LENGTH_AT = 16;
export const SHB_OPTIONS_AT = 24;
export const MIN_SHB_BYTES = 28;

/** "Interface Description Block": link type(2) reserved(2) snap length(4), options. */
export const IDB_LINKTYPE_AT = 8;
export const IDB_SNAPLEN_AT = 12;
export const IDB_OPTIONS_AT = 16;
export const MIN_IDB_BYTES = 20;

/** "Enhanced Packet Block": interface(4) time high(4) time low(4) captured(4) original(4) data, options. */
export const EPB_INTERFACE_AT = 8;
export const EPB_TIME_HIGH_AT = 12;
export const EPB_TIME_LOW_AT = 16;
export const EPB_CAPLEN_AT = 20;
export const EPB_ORIGLEN_AT = 24;
export const EPB_DATA_AT = 28;
export const MIN_EPB_BYTES = 32;

/** "Simple Packet Block": original(4) data. Its interface is 0, its captured length min(original, snap length). */
export const SPB_ORIGLEN_AT = 8;
export const SPB_DATA_AT = 12;
export const MIN_SPB_BYTES = 16;

/** "Packet Block (obsolete)": interface(2) drops(2), then as the EPB. */
export const PB_INTERFACE_AT = 8;

/** "Interface Statistics Block": interface(4) time(8), options. */
export const MIN_ISB_BYTES = 24;

/** "Name Resolution Block": records, at least the one that ends them. */
export const MIN_NRB_BYTES = 16;

/** "Decryption Secrets Block": type of secrets(4) length of secrets(4) secrets, options. */
export const MIN_DSB_BYTES = 20;

/** "Custom Block": private enterprise number(4), data. */
export const CB_DATA_AT = 12;
export const MIN_CB_BYTES = 16;

/** Sysdig events: cpu(2) time(8) thread(8) event length(4) type(2) [parameters(4) in version 2], data. */
export const SYSDIG_EVENT_LENGTH_AT = 26;
export const SYSDIG_DATA_AT = 32;
export const SYSDIG_V2_DATA_AT = 36;

/** systemd journal export: one entry, at least "__REALTIME_TIMESTAMP=" and its end. */
export const MIN_JOURNAL_BYTES = 35;

/** "Options": code(2) length(2) value padded to 32 bits; code 0 ends the list. */
export const OPTION_HEADER_BYTES = 4;
export const OPT_ENDOFOPT = 0;
export const OPT_COMMENT = 1;
export const OPT_SHB_HARDWARE = 2;
export const OPT_SHB_OS = 3;
export const OPT_SHB_USERAPPL = 4;
export const OPT_IF_NAME = 2;
export const OPT_IF_DESCRIPTION = 3;
export const OPT_IF_TSRESOL = 9;
export const OPT_IF_FILTER = 11;
export const OPT_IF_FCSLEN = 13;
export const OPT_IF_TSOFFSET = 14;
export const OPT_EPB_FLAGS = 2;
export const OPT_EPB_DROPCOUNT = 4;
export const OPT_EPB_PACKETID = 5;
export const OPT_EPB_QUEUE = 6;
export const OPT_EPB_VERDICT = 7;
export const OPT_CUSTOM_UTF8 = 2988;
export const OPT_CUSTOM_BINARY = 2989;
export const OPT_CUSTOM_UTF8_NO_COPY = 19372;
export const OPT_CUSTOM_BINARY_NO_COPY = 19373;

/** "Enhanced Packet Block Flags Word", bits 0-1. */
export const DIRECTION_MASK = 3;
export const DIRECTION_INBOUND = 1;
export const DIRECTION_OUTBOUND = 2;

export function padded(length: number): number {
  return (length + 3) & ~3;
}
