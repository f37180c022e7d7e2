/*
 * Moving frames between TAP descriptors and the arena, a burst per call.
 *
 * A call into native code costs about as much as walking a dozen frames in JavaScript, so it is made once per
 * burst. Frames are read to where JavaScript wants them and written from where it left them: nothing is copied
 * here. Neither call throws for what the kernel answers; that goes into `report`:
 *
 *   report[0]  errno that ended the burst or failed a frame, 0 if none (an empty or full queue is none)
 *   report[1]  read: frames longer than their slot, taken from the queue and thrown away; write: frames refused
 *
 * With a virtio-net header (legacy layout, 10 bytes, little endian, virtio 1.2 §5.1.6):
 *
 *   0       1          2         4          6            8             10
 *   | flags | gso type | hdr len | gso size | csum start | csum offset |
 *
 * it becomes two columns: gso = flags | type << 8 | size << 16, csum = start | offset << 16. `hdr len` is a hint
 * that the kernel computes anew. A frame that needs nothing (no segmentation, no checksum) has gso = 0.
 */
#include "addon.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define VNET_HDR_BYTES 10
#define NEEDS_CSUM 1
/* The list words of src/dataplane/batch.ts. */
#define SHAPE_ALT (1 << 16)
#define INDEX_MASK 0xffff
#define REPORT_ERRNO 0
#define REPORT_FRAMES 1
#define REPORT_WORDS 2

static inline uint32_t le16(const uint8_t *at) { return (uint32_t)at[0] | (uint32_t)at[1] << 8; }

static inline void put_le16(uint8_t *at, uint32_t value) {
  at[0] = (uint8_t)value;
  at[1] = (uint8_t)(value >> 8);
}

static bool arg_report(napi_env env, napi_value value, Column *report) {
  if (!arg_column(env, value, "report", report)) return false;
  return report->count >= REPORT_WORDS || throw_range(env, "report must have %d words", REPORT_WORDS);
}

/*
 * tapReadBurst(fd, arena, off, len, gso, csum, first, max, capacity, maxBytes, vnetHdr, report) -> frames
 *
 * Fills rows [first, first + frames) of len, gso and csum with frames read to off[row]. A read that fills the whole
 * capacity may have been cut by the kernel, which does not say: such a frame is not delivered but counted, so
 * the longest frame that passes has capacity - 1 bytes. The burst ends with the frame that makes it maxBytes or more.
 */
napi_value tap_read_burst(napi_env env, napi_callback_info info) {
  napi_value argv[12];
  int fd = -1;
  Bytes arena;
  Column off, len, gso, csum, report;
  int64_t first, max, capacity, max_bytes;
  bool vnet_hdr;
  if (!args_read(env, info, 12, argv) || !arg_owned(env, argv[0], OWNED_TAP, &fd) || !arg_bytes(env, argv[1], "arena", &arena) ||
      !arg_column(env, argv[2], "off", &off) || !arg_column(env, argv[3], "len", &len) ||
      !arg_column(env, argv[4], "gso", &gso) || !arg_column(env, argv[5], "csum", &csum) ||
      !arg_int(env, argv[6], "first", 0, INT32_MAX, &first) || !arg_int(env, argv[7], "max", 0, INT32_MAX, &max) ||
      !arg_int(env, argv[8], "capacity", 64, 1 << 20, &capacity) ||
      !arg_int(env, argv[9], "maxBytes", 1, INT32_MAX, &max_bytes) || !arg_bool(env, argv[10], "vnetHdr", &vnet_hdr) ||
      !arg_report(env, argv[11], &report))
    return NULL;
  size_t end = (size_t)(first + max);
  if (end > off.count || end > len.count || end > gso.count || end > csum.count) {
    throw_range(env, "rows %lld to %zu are outside the columns", (long long)first, end);
    return NULL;
  }

  int64_t row = first;
  int error = 0;
  int32_t cut = 0;
  int64_t bytes = 0;
  for (int64_t reads = 0; reads < max && bytes < max_bytes; reads++) {
    int64_t at = off.at[row]; /* once: another thread may own the memory too */
    if (!inside(&arena, at, capacity)) {
      throw_range(env, "off[%lld] = %lld is outside the arena", (long long)row, (long long)at);
      return NULL;
    }
    uint8_t header[VNET_HDR_BYTES];
    ssize_t n;
    if (vnet_hdr) {
      struct iovec parts[2] = {{header, sizeof header}, {arena.at + at, (size_t)capacity}};
      n = readv(fd, parts, 2) - VNET_HDR_BYTES;
      if (n < 0 && n > -1 - VNET_HDR_BYTES) continue; /* less than a header: no frame */
      if (n < 0) n = -1;
    } else {
      n = read(fd, arena.at + at, (size_t)capacity);
    }
    if (n < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN) error = errno;
      break;
    }
    if (n == capacity) {
      cut++;
      continue;
    }
    uint32_t gso_word = 0;
    uint32_t csum_word = 0;
    if (vnet_hdr && ((header[0] & NEEDS_CSUM) || header[1] != 0)) {
      gso_word = (uint32_t)header[0] | (uint32_t)header[1] << 8 | le16(header + 4) << 16;
      csum_word = le16(header + 6) | le16(header + 8) << 16;
    }
    bytes += n;
    len.at[row] = (int32_t)n;
    gso.at[row] = (int32_t)gso_word;
    csum.at[row] = (int32_t)csum_word;
    row++;
  }
  report.at[REPORT_ERRNO] = error;
  report.at[REPORT_FRAMES] = cut;
  return make_int(env, row - first);
}

/* Errors of one frame; the ones behind it may well pass. Everything else ends the burst. */
static bool is_of_one_frame(int error) { return error == EINVAL || error == EMSGSIZE || error == E2BIG; }

/*
 * tapWriteBurst(fd, arena, list, start, count, off, len, altHeadOff, altHeadLen, altOff, altLen, gso, csum, vnetHdr,
 *               report) -> frames taken
 *
 * gso and csum describe the frame at (off, len). The other shape differs from it by a tag in front of what the
 * checksum covers, so its checksum starts that many bytes later or earlier.
 */
napi_value tap_write_burst(napi_env env, napi_callback_info info) {
  napi_value argv[15];
  int fd = -1;
  Bytes arena;
  Column list, report, columns[8];
  static const char *const names[8] = {"off", "len", "altHeadOff", "altHeadLen", "altOff", "altLen", "gso", "csum"};
  int64_t start, count;
  bool vnet_hdr;
  if (!args_read(env, info, 15, argv) || !arg_owned(env, argv[0], OWNED_TAP, &fd) || !arg_bytes(env, argv[1], "arena", &arena) ||
      !arg_column(env, argv[2], "list", &list) || !arg_int(env, argv[3], "start", 0, INT32_MAX, &start) ||
      !arg_int(env, argv[4], "count", 0, INT32_MAX, &count))
    return NULL;
  size_t rows = SIZE_MAX;
  for (int i = 0; i < 8; i++) {
    if (!arg_column(env, argv[5 + i], names[i], &columns[i])) return NULL;
    if (columns[i].count < rows) rows = columns[i].count;
  }
  if (!arg_bool(env, argv[13], "vnetHdr", &vnet_hdr) || !arg_report(env, argv[14], &report)) return NULL;
  if ((size_t)(start + count) > list.count) {
    throw_range(env, "words %lld to %lld are outside the list", (long long)start, (long long)(start + count));
    return NULL;
  }
  const int32_t *off = columns[0].at, *len = columns[1].at, *alt_head_off = columns[2].at, *alt_head_len = columns[3].at;
  const int32_t *alt_off = columns[4].at, *alt_len = columns[5].at, *gso = columns[6].at, *csum = columns[7].at;

  int64_t sent = 0;
  int32_t refused = 0;
  int error = 0;
  for (int64_t at = start; at < start + count; at++) {
    uint32_t word = (uint32_t)list.at[at];
    uint32_t row = word & INDEX_MASK;
    if (row >= rows) {
      throw_range(env, "list[%lld] names frame %u of %zu", (long long)at, row, rows);
      return NULL;
    }
    uint8_t header[VNET_HDR_BYTES];
    struct iovec parts[3];
    int used = 0;
    int64_t length = len[row];
    int64_t shift = 0;
    bool valid;
    if (vnet_hdr) parts[used++] = (struct iovec){header, sizeof header};
    if (word & SHAPE_ALT) {
      int64_t head_at = alt_head_off[row], head = alt_head_len[row], body_at = alt_off[row], body = alt_len[row];
      valid = inside(&arena, head_at, head) && inside(&arena, body_at, body);
      shift = head + body - length;
      if (valid) {
        parts[used++] = (struct iovec){arena.at + head_at, (size_t)head};
        parts[used++] = (struct iovec){arena.at + body_at, (size_t)body};
      }
    } else {
      int64_t frame_at = off[row];
      valid = inside(&arena, frame_at, length);
      if (valid) parts[used++] = (struct iovec){arena.at + frame_at, (size_t)length};
    }
    if (!valid) {
      throw_range(env, "frame %u is outside the arena", row);
      return NULL;
    }
    if (vnet_hdr) {
      uint32_t gso_word = (uint32_t)gso[row];
      uint32_t csum_word = (uint32_t)csum[row];
      memset(header, 0, sizeof header);
      if (gso_word != 0) {
        header[0] = (uint8_t)gso_word;
        header[1] = (uint8_t)(gso_word >> 8);
        put_le16(header + 4, gso_word >> 16);
        put_le16(header + 6, (uint32_t)((int64_t)(csum_word & 0xffff) + shift));
        put_le16(header + 8, csum_word >> 16);
      }
    }
    ssize_t n;
    do n = used == 1 ? write(fd, parts[0].iov_base, parts[0].iov_len) : writev(fd, parts, used);
    while (n < 0 && errno == EINTR);
    if (n >= 0) {
      sent++;
      continue;
    }
    if (errno == EAGAIN) break;
    error = errno;
    if (!is_of_one_frame(error)) break;
    refused++;
  }
  report.at[REPORT_ERRNO] = error;
  report.at[REPORT_FRAMES] = refused;
  return make_int(env, sent);
}
