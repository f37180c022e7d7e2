/*
 * Moving frames between TAP descriptors and the arena, a burst per call.
 *
 * A call into native code costs about as much as walking a dozen frames in JavaScript, so it is made once per
 * burst. Frames are read to where JavaScript wants them and written from where it left them: nothing is copied
 * here.
 */
#include "frames.h"

#include <errno.h>
#include <unistd.h>

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
  Incoming in;
  Column report;
  bool vnet_hdr;
  if (!args_read(env, info, 12, argv) || !arg_owned(env, argv[0], OWNED_TAP, &fd) ||
      !arg_incoming(env, argv + 1, &in) || !arg_bool(env, argv[10], "vnetHdr", &vnet_hdr) ||
      !arg_report(env, argv[11], &report))
    return NULL;

  int64_t row = in.first;
  int error = 0;
  int32_t cut = 0;
  int64_t bytes = 0;
  for (int64_t reads = 0; reads < in.max && bytes < in.max_bytes; reads++) {
    uint8_t *at = incoming_at(env, &in, row);
    if (at == NULL) return NULL;
    uint8_t header[VNET_HDR_BYTES];
    ssize_t n;
    if (vnet_hdr) {
      struct iovec parts[2] = {{header, sizeof header}, {at, (size_t)in.capacity}};
      n = readv(fd, parts, 2) - VNET_HDR_BYTES;
      if (n < 0 && n > -1 - VNET_HDR_BYTES) continue; /* less than a header: no frame */
      if (n < 0) n = -1;
    } else {
      n = read(fd, at, (size_t)in.capacity);
    }
    if (n < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN) error = errno;
      break;
    }
    if (n == in.capacity) {
      cut++;
      continue;
    }
    bytes += n;
    incoming_row(&in, row++, n, vnet_hdr ? header : NULL, 0);
  }
  report.at[REPORT_ERRNO] = error;
  report.at[REPORT_FRAMES] = cut;
  return make_int(env, row - in.first);
}

/*
 * tapWriteBurst(fd, arena, list, start, count, off, len, altHeadOff, altHeadLen, altOff, altLen, gso, csum, vnetHdr,
 *               report) -> frames taken
 */
napi_value tap_write_burst(napi_env env, napi_callback_info info) {
  napi_value argv[15];
  int fd = -1;
  Outgoing out;
  Column report;
  bool vnet_hdr;
  if (!args_read(env, info, 15, argv) || !arg_owned(env, argv[0], OWNED_TAP, &fd) ||
      !arg_outgoing(env, argv + 1, &out) || !arg_bool(env, argv[13], "vnetHdr", &vnet_hdr) ||
      !arg_report(env, argv[14], &report))
    return NULL;

  int64_t sent = 0;
  int32_t refused = 0;
  int error = 0;
  for (int64_t at = out.start; at < out.end; at++) {
    uint8_t header[VNET_HDR_BYTES];
    struct iovec parts[FRAME_PARTS];
    int used = outgoing_parts(env, &out, at, vnet_hdr ? header : NULL, parts);
    if (used == 0) return NULL;
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
