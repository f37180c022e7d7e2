/**
 * Guesses how long the record headers of a classic capture are, where the magic number does not tell.
 *
 *   bytes  written by                                       magic
 *     16   everything since, and before                     a1b2c3d4
 *     24   Red Hat 6.1 (libpcap patch ss990417), old AIX    a1b2c3d4
 *     20   Nokia IPSO                                       a1b2c3d4
 *     24   libpcap patch ss991029                           a1b2cd34
 *     28   SuSE 6.3 (libpcap patch ss990915)                a1b2cd34
 *
 * All begin with the ordinary 16 bytes. As wiretap does it: read the first three records in each way, count
 * what looks wrong in the worst header, take the way with the least, the earlier on a tie. One difference:
 * the ordinary way is not blamed for a file that ends early, so that a capture cut by a full disk is never
 * read with its frames shifted by 8 bytes.
 *
 * The price is that a file damaged within its first three records may be read the wrong way; it then reads
 * as tshark reads it. A stream that must not be read ahead turns the guess off (`readAhead: false`).
 */
import {
  MAGIC_MICRO,
  MAGIC_MODIFIED,
  MODIFIED_RECORD_HEADER_BYTES,
  MODIFIED_SMP_RECORD_HEADER_BYTES,
  NOKIA_RECORD_HEADER_BYTES,
  RECORD_CAPLEN_AT,
  RECORD_FRACTION_AT,
  RECORD_HEADER_BYTES,
  RECORD_ORIGLEN_AT,
} from './pcap-format.ts';
import type { Window } from './window.ts';

const RECORDS_TO_TRY = 3;
const MICROS = 1_000_000;
/** No packet is this long on a wire; a header that says so is probably none. */
const MAX_PLAUSIBLE_ORIGLEN = 128 * 1024 * 1024;
/** How far to read ahead at most: three Ethernet records of the largest size. */
const MAX_READ_AHEAD = 1024 * 1024;

export interface RecordLimits {
  little: boolean;
  maxBytes: number;
  snapLen: number;
  swapsLengths: (capLen: number, origLen: number) => boolean;
}

/** `window` stands at the first record, and stands there again afterwards. */
export function guessRecordHeaderBytes(window: Window, magic: number, limits: RecordLimits): number {
  if (magic !== MAGIC_MICRO && magic !== MAGIC_MODIFIED) return RECORD_HEADER_BYTES;
  const candidates =
    magic === MAGIC_MICRO
      ? [RECORD_HEADER_BYTES, MODIFIED_RECORD_HEADER_BYTES, NOKIA_RECORD_HEADER_BYTES]
      : [MODIFIED_RECORD_HEADER_BYTES, MODIFIED_SMP_RECORD_HEADER_BYTES];
  let best = candidates[0]!;
  let least = Number.POSITIVE_INFINITY;
  for (const headerBytes of candidates) {
    const faults = faultsOf(window, headerBytes, limits);
    if (faults < least) {
      best = headerBytes;
      least = faults;
    }
    if (least === 0) break;
  }
  return best;
}

function faultsOf(window: Window, headerBytes: number, limits: RecordLimits): number {
  const cutIsFault = headerBytes === RECORD_HEADER_BYTES ? 0 : 1;
  let ahead = 0;
  for (let n = 0; n < RECORDS_TO_TRY; n++) {
    if (!window.has(ahead + headerBytes)) return window.available === ahead ? 0 : cutIsFault;
    const { view } = window;
    const at = window.start + ahead;
    let capLen = view.getUint32(at + RECORD_CAPLEN_AT, limits.little);
    let origLen = view.getUint32(at + RECORD_ORIGLEN_AT, limits.little);
    if (limits.swapsLengths(capLen, origLen)) [capLen, origLen] = [origLen, capLen];
    let faults = 0;
    if (view.getUint32(at + RECORD_FRACTION_AT, limits.little) >= MICROS) faults++;
    if (capLen > limits.maxBytes) faults++;
    if (origLen > MAX_PLAUSIBLE_ORIGLEN) faults++;
    if (capLen > limits.snapLen) faults++;
    if (capLen > origLen) faults++;
    if (faults > 0) return faults;
    ahead += headerBytes + capLen;
    if (ahead > MAX_READ_AHEAD) return 0;
    if (!window.has(ahead)) return cutIsFault;
  }
  return 0;
}
