/*
 * Frames as JavaScript describes them, for the burst calls.
 *
 * No burst call throws for what the kernel answers; that goes into `report`:
 *
 *   report[0]  errno that ended the burst or failed a frame, 0 if none (an empty or full queue is none)
 *   report[1]  read: frames that were taken from the queue and thrown away; write: frames refused
 *
 * With a virtio-net header (legacy layout, 10 bytes, little endian, virtio 1.2 §5.1.6):
 *
 *   0       1          2         4          6            8             10
 *   | flags | gso type | hdr len | gso size | csum start | csum offset |
 *
 * it becomes two columns: gso = flags | type << 8 | size << 16, csum = start | offset << 16. `hdr len` is a hint
 * that the kernel computes anew. A frame that needs nothing (no segmentation, no checksum) has gso = 0.
 */
#ifndef ETHERLOOM_FRAMES_H
#define ETHERLOOM_FRAMES_H

#include "addon.h"

#include <sys/uio.h>

#define VNET_HDR_BYTES 10
#define NEEDS_CSUM 1
/* A flag of the gso column, not of virtio: see GSO_IN_TUNNEL in src/dataplane/offload/needs.ts. */
#define IN_TUNNEL 0x80

#define REPORT_ERRNO 0
#define REPORT_FRAMES 1
#define REPORT_WORDS 2
/* Rings, whose frames have a length before they are read: that of a frame which waits for a larger slot, else 0. */
#define REPORT_LONG 2

/* The list words of src/dataplane/batch.ts. */
#define SHAPE_ALT (1 << 16)
#define INDEX_MASK 0xffff

static inline uint32_t le16(const uint8_t *at) { return (uint32_t)at[0] | (uint32_t)at[1] << 8; }

static inline void put_le16(uint8_t *at, uint32_t value) {
  at[0] = (uint8_t)value;
  at[1] = (uint8_t)(value >> 8);
}

/* Rows [first, first + max) of a batch that are to be filled, with frames of at most `capacity` bytes at off[row]. */
typedef struct {
  Bytes arena;
  Column off, len, gso, csum;
  int64_t first, max, capacity, max_bytes;
} Incoming;

/* Words [start, end) of an egress list, and the columns that they point into. */
typedef struct {
  Bytes arena;
  Column list;
  Column columns[8]; /* off, len, altHeadOff, altHeadLen, altOff, altLen, gso, csum */
  size_t rows;
  int64_t start, end;
} Outgoing;

/* Most parts of a frame: virtio header, head, body. */
#define FRAME_PARTS 3

bool arg_report(napi_env env, napi_value value, Column *report);
/* The same with room for REPORT_LONG. */
bool arg_report_long(napi_env env, napi_value value, Column *report);
/* Reads nine arguments: arena, off, len, gso, csum, first, max, capacity, maxBytes. */
bool arg_incoming(napi_env env, const napi_value *argv, Incoming *in);
/* Where the row's frame goes; NULL with an exception when that is outside the arena. */
uint8_t *incoming_at(napi_env env, const Incoming *in, int64_t row);
/* Fills the row. `header` may be NULL; `shift` bytes were put in front of what the checksum covers. */
void incoming_row(const Incoming *in, int64_t row, int64_t length, const uint8_t *header, uint32_t shift);
/* Reads twelve arguments: arena, list, start, count, off, len, altHeadOff, altHeadLen, altOff, altLen, gso, csum. */
bool arg_outgoing(napi_env env, const napi_value *argv, Outgoing *out);
/*
 * The frame of one word as at most FRAME_PARTS parts, the first of them `header` (filled here) unless that is NULL.
 * gso and csum describe the frame at (off, len). The other shape differs from it by a tag in front of what the
 * checksum covers, so its checksum starts that many bytes later or earlier. Returns 0 with an exception.
 */
int outgoing_parts(napi_env env, const Outgoing *out, int64_t at, uint8_t *header, struct iovec *parts);
/* Whether the frame of a word needs anything of its device: only then a virtio header says something. */
bool outgoing_is_plain(const Outgoing *out, int64_t at);
/* Errors of one frame; the ones behind it may well pass. Everything else ends the burst. */
bool is_of_one_frame(int error);

#endif
