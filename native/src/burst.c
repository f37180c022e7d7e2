/*
 * Moving frames between TAP descriptors and the arena, a burst per call.
 *
 * A call into native code costs about as much as walking a dozen frames in JavaScript, so it is made once per
 * burst. Frames are read to where JavaScript wants them and written from where it left them: nothing is copied
 * here. A system call costs as much as the kernel's work for a small frame, so where the caller expects many
 * frames they share one (uring.h); the answers are the same.
 */
#include "frames.h"
#include "uring.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

typedef struct {
  int fd;
  bool vnet_hdr;
  Incoming in;
  int64_t row; /* the next to be filled */
  int64_t bytes;
  int32_t cut;
  int error;
} Reading;

/*
 * Takes the answer to a read to `at`; `place` is where the next row's frame belongs, which is before `at` behind reads
 * that gave nothing. False when it ends the burst.
 */
static bool took(Reading *r, ssize_t n, uint8_t *at, uint8_t *place, const uint8_t *header) {
  if (n == -EINTR) return true;
  if (n < 0) {
    if (n != -EAGAIN) r->error = (int)-n;
    return false;
  }
  if (r->vnet_hdr) n -= VNET_HDR_BYTES;
  if (n < 0) return true; /* less than a header: no frame */
  if (n == r->in.capacity) {
    r->cut++;
    return true;
  }
  if (place != at) memmove(place, at, (size_t)n);
  r->bytes += n;
  incoming_row(&r->in, r->row++, n, r->vnet_hdr ? header : NULL, 0);
  return true;
}

static int reading_parts(const Reading *r, uint8_t *header, uint8_t *at, struct iovec *parts) {
  int used = 0;
  if (r->vnet_hdr) parts[used++] = (struct iovec){header, VNET_HDR_BYTES};
  parts[used++] = (struct iovec){at, (size_t)r->in.capacity};
  return used;
}

/* One system call a frame. False with an exception. */
static bool read_singly(napi_env env, Reading *r) {
  for (int64_t reads = 0; reads < r->in.max && r->bytes < r->in.max_bytes; reads++) {
    uint8_t header[VNET_HDR_BYTES];
    struct iovec parts[2];
    uint8_t *at = incoming_at(env, &r->in, r->row);
    if (at == NULL) return false;
    int used = reading_parts(r, header, at, parts);
    ssize_t n = used == 1 ? read(r->fd, at, parts[0].iov_len) : readv(r->fd, parts, used);
    if (!took(r, n < 0 ? -errno : n, at, at, header)) break;
  }
  return true;
}

/* One system call for as many frames as may be read before max_bytes. False with an exception. */
static bool read_together(napi_env env, Uring *ring, Reading *r) {
  uint8_t headers[URING_ENTRIES][VNET_HDR_BYTES];
  uint8_t *at[URING_ENTRIES];
  struct iovec parts[URING_ENTRIES][2];
  int32_t results[URING_ENTRIES];
  int64_t fit = r->in.max_bytes / r->in.capacity;
  int64_t chunk = fit < 1 ? 1 : fit > URING_ENTRIES ? URING_ENTRIES : fit;
  bool more = true;
  for (int64_t reads = 0; more && reads < r->in.max && r->bytes < r->in.max_bytes;) {
    int64_t n = r->in.max - reads < chunk ? r->in.max - reads : chunk;
    if (n > r->in.first + r->in.max - r->row) n = r->in.first + r->in.max - r->row;
    for (int64_t k = 0; k < n; k++) {
      at[k] = incoming_at(env, &r->in, r->row + k);
      if (at[k] == NULL) return false;
      int used = reading_parts(r, headers[k], at[k], parts[k]);
      uring_read(ring, (unsigned)k, r->fd, parts[k], used);
    }
    uring_run(ring, (unsigned)n, results);
    /* A frame may have come behind a read that found none: all answers count. */
    int64_t base = r->row;
    for (int64_t k = 0; k < n; k++) more = took(r, results[k], at[k], at[r->row - base], headers[k]) && more;
    reads += n;
  }
  return true;
}

/*
 * tapReadBurst(fd, arena, off, len, gso, csum, first, max, capacity, maxBytes, vnetHdr, together, report) -> frames
 *
 * Fills rows [first, first + frames) of len, gso and csum with frames read to off[row]. A read that fills the whole
 * capacity may have been cut by the kernel, which does not say: such a frame is not delivered but counted, so
 * the longest frame that passes has capacity - 1 bytes. The burst ends with the frame that makes it maxBytes or more.
 */
napi_value tap_read_burst(napi_env env, napi_callback_info info) {
  napi_value argv[13];
  Reading r = {0};
  Column report;
  bool together;
  if (!args_read(env, info, 13, argv) || !arg_owned(env, argv[0], OWNED_TAP, &r.fd) ||
      !arg_incoming(env, argv + 1, &r.in) || !arg_bool(env, argv[10], "vnetHdr", &r.vnet_hdr) ||
      !arg_bool(env, argv[11], "together", &together) || !arg_report(env, argv[12], &report))
    return NULL;
  r.row = r.in.first;
  Uring *ring = together ? uring_here(env) : NULL;
  if (!(ring ? read_together(env, ring, &r) : read_singly(env, &r))) return NULL;
  report.at[REPORT_ERRNO] = r.error;
  report.at[REPORT_FRAMES] = r.cut;
  return make_int(env, r.row - r.in.first);
}

typedef struct {
  int fd;
  bool vnet_hdr;
  Outgoing out;
  int64_t sent;
  int32_t refused;
  int error;
} Writing;

/* Takes the answer to a write. False when it ends the burst. */
static bool gave(Writing *w, ssize_t n) {
  if (n >= 0) w->sent++;
  if (n >= 0 || n == -EAGAIN) return n >= 0;
  w->error = (int)-n;
  if (!is_of_one_frame(w->error)) return false;
  w->refused++;
  return true;
}

/* One system call a frame. False with an exception. */
static bool write_singly(napi_env env, Writing *w) {
  for (int64_t at = w->out.start; at < w->out.end; at++) {
    uint8_t header[VNET_HDR_BYTES];
    struct iovec parts[FRAME_PARTS];
    int used = outgoing_parts(env, &w->out, at, w->vnet_hdr ? header : NULL, parts);
    if (used == 0) return false;
    ssize_t n;
    do n = used == 1 ? write(w->fd, parts[0].iov_base, parts[0].iov_len) : writev(w->fd, parts, used);
    while (n < 0 && errno == EINTR);
    if (!gave(w, n < 0 ? -errno : n)) break;
  }
  return true;
}

/* One system call for up to URING_ENTRIES frames. False with an exception. */
static bool write_together(napi_env env, Uring *ring, Writing *w) {
  uint8_t headers[URING_ENTRIES][VNET_HDR_BYTES];
  struct iovec parts[URING_ENTRIES][FRAME_PARTS];
  int32_t results[URING_ENTRIES];
  bool more = true;
  for (int64_t at = w->out.start; more && at < w->out.end;) {
    unsigned n = 0;
    for (; n < URING_ENTRIES && at < w->out.end; n++, at++) {
      int used = outgoing_parts(env, &w->out, at, w->vnet_hdr ? headers[n] : NULL, parts[n]);
      if (used == 0) return false;
      uring_write(ring, n, w->fd, parts[n], used);
    }
    uring_run(ring, n, results);
    for (unsigned k = 0; k < n; k++) more = gave(w, results[k]) && more;
  }
  return true;
}

/*
 * tapWriteBurst(fd, arena, list, start, count, off, len, altHeadOff, altHeadLen, altOff, altLen, gso, csum, vnetHdr,
 *               together, report) -> frames taken
 */
napi_value tap_write_burst(napi_env env, napi_callback_info info) {
  napi_value argv[16];
  Writing w = {0};
  Column report;
  bool together;
  if (!args_read(env, info, 16, argv) || !arg_owned(env, argv[0], OWNED_TAP, &w.fd) ||
      !arg_outgoing(env, argv + 1, &w.out) || !arg_bool(env, argv[13], "vnetHdr", &w.vnet_hdr) ||
      !arg_bool(env, argv[14], "together", &together) || !arg_report(env, argv[15], &report))
    return NULL;
  Uring *ring = together ? uring_here(env) : NULL;
  if (!(ring ? write_together(env, ring, &w) : write_singly(env, &w))) return NULL;
  report.at[REPORT_ERRNO] = w.error;
  report.at[REPORT_FRAMES] = w.refused;
  return make_int(env, w.sent);
}
