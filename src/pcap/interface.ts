/** One interface of a pcapng section, as its Interface Description Block tells; a few per file. */
import { MAX_PACKET_BYTES } from './link-type.ts';
import { Timescale } from './timestamp.ts';

export class CaptureInterface {
  linkType = 0;
  /** 0: no limit. */
  snapLen = 0;
  /** What a record of this link type may hold at most. */
  maxBytes = MAX_PACKET_BYTES;
  name = '';
  description = '';
  /** Bytes of frame check sequence at the end of each frame, or -1 where the file does not say. */
  fcsBytes = -1;
  time = new Timescale();
}
