/**
 * One captured frame in the ring: what is known about it, then its bytes.
 *
 *    0 direction | 4 port | 8 length | 12 bytes kept | 16 VID | 20 reason | 24 to | 28 copies | 32 from | 40 time | 48 ...
 *
 * Words are big-endian, the time is a double of microseconds. VID 0 is none; `to`, `copies` and `reason` are those of
 * the batch, and -1 in all of them while nothing is known. `copies` of a frame that brought another one, which goes on
 * in its place on the tunnel port `to`, are BROUGHT.
 */

/** Bits, because a capture may want several. */
export const CAPTURE_IN = 1 << 0;
export const CAPTURE_OUT = 1 << 1;
export const CAPTURE_DROP = 1 << 2;

export const DIRECTION_AT = 0;
export const PORT_AT = 4;
export const LENGTH_AT = 8;
export const KEPT_AT = 12;
export const VID_AT = 16;
export const REASON_AT = 20;
export const TO_AT = 24;
export const COPIES_AT = 28;
export const FROM_AT = 32;
export const TIME_AT = 40;
export const FRAME_AT = 48;

/** Of the columns that say what became of a frame. */
export const UNKNOWN = -1;
export const BROUGHT = -2;
