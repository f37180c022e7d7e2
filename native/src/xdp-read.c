/*
 * Receiving from an XDP socket, a burst per call: a frame is where the kernel put it, which is a slot of the arena.
 * One that stands in several chunks is put together in a large slot.
 *
 * A program on an interface sees the frame and nothing beside it. Where the sender is another interface of this machine
 * (a veth pair), its checksum may be unfinished, and what says so is gone: it is found out (unfinished.h).
 */
#include "unfinished.h"
#include "xdp.h"

#include <string.h>
#include <sys/socket.h>

#define ETHERNET_BYTES 14
#define LONGEST 65800

bool xdp_give(Xdp *xdp, uint32_t slot) {
  uint32_t producer = *xdp->fill.producer;
  if (producer - ring_load(xdp->fill.consumer) > xdp->fill.mask) return false;
  *address_at(&xdp->fill, producer) = slot_address(xdp, slot);
  ring_store(xdp->fill.producer, producer + 1);
  return true;
}

/* Entries of the frame at `consumer`, and its length; 0 when it is not all there. */
static uint32_t frame_at(const Xdp *xdp, uint32_t consumer, uint32_t producer, uint32_t *length) {
  *length = 0;
  for (uint32_t n = 0; consumer + n != producer; n++) {
    const struct xdp_desc *entry = descriptor_at(&xdp->rx, consumer + n);
    *length += entry->len;
    if (!(entry->options & XDP_PKT_CONTD)) return n + 1;
  }
  return 0;
}

/* Puts `entries` chunks together at `to`, or throws them away where that is NULL, and gives them back to the kernel. */
static void join_chunks(Xdp *xdp, uint32_t consumer, uint32_t entries, uint8_t *to) {
  for (uint32_t n = 0; n < entries; n++) {
    const struct xdp_desc *entry = descriptor_at(&xdp->rx, consumer + n);
    uint64_t from = offset_of(xdp, entry->addr);
    if (to) {
      memcpy(to, xdp->arena.at + from, entry->len);
      to += entry->len;
    }
    xdp_give(xdp, (uint32_t)(from / xdp->slot_bytes));
  }
}

/* What the kernel says is checked once: everything behind relies on it. */
static bool is_ours(const Xdp *xdp, uint32_t consumer, uint32_t entries) {
  for (uint32_t n = 0; n < entries; n++) {
    const struct xdp_desc *entry = descriptor_at(&xdp->rx, consumer + n);
    if (offset_of(xdp, entry->addr) + entry->len > (uint64_t)xdp->slots * xdp->slot_bytes) return false;
  }
  return true;
}

/*
 * xdpReadBurst(fd, slot, off, len, gso, csum, first, max, back, backCount, largeAt, largeBytes, report) -> frames
 *
 * First back[0 .. backCount) goes to the kernel: slots of this port that nobody needs any more. Then rows from `first` on
 * are filled with frames in place; at one that is in several chunks the burst ends, and report[2] has its length. With
 * `largeAt` (0 for none) one frame is read, whatever it stands in, to there, where there are `largeBytes`; its row has slot -1.
 */
napi_value xdp_read_burst(napi_env env, napi_callback_info info) {
  napi_value argv[13];
  int fd = -1;
  Xdp *xdp;
  Incoming in = {0};
  Column slot, back, report;
  int64_t first, max, back_count, large_at, large_bytes;
  if (!args_read(env, info, 13, argv) || !(xdp = arg_state(env, argv[0], OWNED_XDP, &fd)) ||
      !arg_column(env, argv[1], "slot", &slot) || !arg_column(env, argv[2], "off", &in.off) ||
      !arg_column(env, argv[3], "len", &in.len) || !arg_column(env, argv[4], "gso", &in.gso) ||
      !arg_column(env, argv[5], "csum", &in.csum) || !arg_int(env, argv[6], "first", 0, INT32_MAX, &first) ||
      !arg_int(env, argv[7], "max", 0, INT32_MAX, &max) || !arg_column(env, argv[8], "back", &back) ||
      !arg_int(env, argv[9], "backCount", 0, (int64_t)back.count, &back_count) ||
      !arg_int(env, argv[10], "largeAt", 0, INT32_MAX, &large_at) ||
      !arg_int(env, argv[11], "largeBytes", 0, 1 << 20, &large_bytes) || !arg_report_long(env, argv[12], &report))
    return NULL;
  size_t end = (size_t)(first + max);
  if (end > slot.count || end > in.off.count || end > in.len.count || end > in.gso.count || end > in.csum.count) {
    throw_range(env, "rows %lld to %zu are outside the columns", (long long)first, end);
    return NULL;
  }
  if (!inside(&xdp->arena, large_at, large_bytes)) {
    throw_range(env, "largeAt = %lld is outside the arena", (long long)large_at);
    return NULL;
  }
  for (int64_t n = 0; n < back_count; n++) {
    if ((uint32_t)back.at[n] < xdp->slots) xdp_give(xdp, (uint32_t)back.at[n]);
  }
  int64_t row = first;
  int32_t lost = 0, longer = 0;
  int error = 0;
  uint32_t consumer = *xdp->rx.consumer;
  uint32_t producer = ring_load(xdp->rx.producer);
  if (consumer == producer) {
    /* Woken for nothing: the interface went away, which the socket says once. */
    socklen_t size = sizeof error;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  }
  while (row < (int64_t)end) {
    uint32_t length;
    uint32_t entries = frame_at(xdp, consumer, producer, &length);
    if (entries == 0) break;
    if (!is_ours(xdp, consumer, entries)) {
      consumer += entries;
      lost++;
      continue;
    }
    bool is_frame = length >= ETHERNET_BYTES && length <= LONGEST && (large_at == 0 || length <= large_bytes);
    if (is_frame && large_at == 0 && entries > 1) {
      longer = (int32_t)length;
      break;
    }
    uint8_t *at = NULL;
    if (is_frame && large_at == 0) {
      uint64_t from = offset_of(xdp, descriptor_at(&xdp->rx, consumer)->addr);
      at = xdp->arena.at + from;
      slot.at[row] = (int32_t)(from / xdp->slot_bytes);
      in.off.at[row] = (int32_t)from;
    } else {
      if (is_frame) at = xdp->arena.at + large_at;
      join_chunks(xdp, consumer, entries, at);
      if (is_frame) {
        slot.at[row] = -1;
        in.off.at[row] = (int32_t)large_at;
      }
    }
    consumer += entries;
    if (!is_frame) {
      lost++;
      continue;
    }
    uint8_t header[VNET_HDR_BYTES];
    bool tunnel = find_unfinished(at, length, header);
    incoming_row(&in, row, length, header, 0);
    if (tunnel) in.gso.at[row] |= IN_TUNNEL;
    row++;
    if (large_at != 0) break;
  }
  ring_store(xdp->rx.consumer, consumer);
  if (*xdp->fill.flags & XDP_RING_NEED_WAKEUP) recvfrom(fd, NULL, 0, MSG_DONTWAIT, NULL, NULL);
  report.at[REPORT_ERRNO] = error;
  report.at[REPORT_FRAMES] = lost;
  report.at[REPORT_LONG] = longer;
  return make_int(env, row - first);
}
