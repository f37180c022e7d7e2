/*
 * Moving frames between an XDP socket's memory and the arena, a burst per call: one copy each way.
 *
 * A program on an interface sees the frame and nothing beside it. Where the sender is another interface of this machine
 * (a veth pair), its checksum may be unfinished, and what says so is gone: it is found out (unfinished.h).
 */
#include "unfinished.h"
#include "xdp.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define ETHERNET_BYTES 14
#define LONGEST 65800
/* Most chunks of a frame: more than the kernel takes or gives. */
#define MAX_CHUNKS 40
/* Calls in a row that send nothing before the rest waits for the next burst. */
#define IDLE_KICKS 3

static void refill(Xdp *xdp, uint64_t address) {
  uint32_t producer = *xdp->fill.producer;
  *address_at(&xdp->fill, producer) = address & ~(uint64_t)(xdp->chunk_bytes - 1);
  ring_store(xdp->fill.producer, producer + 1);
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

/*
 * xdpReadBurst(fd, arena, off, len, gso, csum, first, max, capacity, maxBytes, report) -> frames; as packetReadBurst
 */
napi_value xdp_read_burst(napi_env env, napi_callback_info info) {
  napi_value argv[11];
  int fd = -1;
  Xdp *xdp;
  Incoming in;
  Column report;
  if (!args_read(env, info, 11, argv) || !(xdp = arg_state(env, argv[0], OWNED_XDP, &fd)) ||
      !arg_incoming(env, argv + 1, &in) || !arg_report_long(env, argv[10], &report))
    return NULL;
  int64_t row = in.first;
  int64_t bytes = 0;
  int32_t lost = 0, longer = 0;
  int error = 0;
  uint32_t consumer = *xdp->rx.consumer;
  uint32_t producer = ring_load(xdp->rx.producer);
  if (consumer == producer) {
    /* Woken for nothing: the interface went away, which the socket says once. */
    socklen_t size = sizeof error;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  }
  while (row < in.first + in.max && bytes < in.max_bytes) {
    uint32_t length;
    uint32_t entries = frame_at(xdp, consumer, producer, &length);
    if (entries == 0) break;
    bool is_frame = length >= ETHERNET_BYTES && length <= LONGEST;
    if (is_frame && length > in.capacity) {
      longer = (int32_t)length;
      break;
    }
    uint8_t *to = NULL;
    if (is_frame && !(to = incoming_at(env, &in, row))) return NULL;
    for (uint32_t n = 0; n < entries; n++) {
      const struct xdp_desc *entry = descriptor_at(&xdp->rx, consumer + n);
      uint64_t from = entry->addr;
      uint32_t part = entry->len;
      if (to && from + part <= xdp->memory_bytes) {
        memcpy(to, xdp->memory + from, part);
        to += part;
      }
      refill(xdp, from);
    }
    consumer += entries;
    ring_store(xdp->rx.consumer, consumer);
    if (!is_frame) {
      lost++;
      continue;
    }
    uint8_t header[VNET_HDR_BYTES];
    bool tunnel = find_unfinished(to - length, length, header);
    incoming_row(&in, row, length, header, 0);
    if (tunnel) in.gso.at[row] |= IN_TUNNEL;
    row++;
    bytes += length;
  }
  if (*xdp->fill.flags & XDP_RING_NEED_WAKEUP) recvfrom(fd, NULL, 0, MSG_DONTWAIT, NULL, NULL);
  report.at[REPORT_ERRNO] = error;
  report.at[REPORT_FRAMES] = lost;
  report.at[REPORT_LONG] = longer;
  return make_int(env, row - in.first);
}

static void take_back(Xdp *xdp) {
  uint32_t consumer = *xdp->completion.consumer;
  uint32_t producer = ring_load(xdp->completion.producer);
  for (; consumer != producer; consumer++) {
    if (xdp->free_count == xdp->ring_entries) break;
    xdp->free_chunks[xdp->free_count++] = (uint32_t)(*address_at(&xdp->completion, consumer) / xdp->chunk_bytes);
  }
  ring_store(xdp->completion.consumer, consumer);
}

/* Copying, the kernel sends a few frames a call; otherwise the driver is woken and does the rest. */
int xdp_kick(Xdp *xdp) {
  uint32_t producer = *xdp->tx.producer;
  for (int idle = 0; idle < IDLE_KICKS;) {
    uint32_t before = ring_load(xdp->tx.consumer);
    if (before == producer || !(*xdp->tx.flags & XDP_RING_NEED_WAKEUP)) return 0;
    if (sendto(xdp->fd, NULL, 0, MSG_DONTWAIT, NULL, 0) < 0 && errno != EAGAIN && errno != EBUSY && errno != ENOBUFS &&
        errno != EINTR)
      return errno;
    if (xdp->zero_copy) return 0;
    if (ring_load(xdp->tx.consumer) == before) idle++;
  }
  return 0;
}

/* Copies a frame into free chunks and enters them; false when there are too few. */
static bool enter(Xdp *xdp, const struct iovec *parts, int used, size_t length) {
  uint32_t chunks = (uint32_t)((length + xdp->chunk_bytes - 1) / xdp->chunk_bytes);
  if (chunks > xdp->free_count) return false;
  uint32_t producer = *xdp->tx.producer;
  size_t done = 0;
  size_t within = 0;
  int part = 0;
  for (uint32_t n = 0; n < chunks; n++) {
    uint64_t address = (uint64_t)xdp->free_chunks[--xdp->free_count] * xdp->chunk_bytes;
    uint32_t filled = 0;
    while (filled < xdp->chunk_bytes && part < used) {
      size_t step = parts[part].iov_len - within;
      if (step > xdp->chunk_bytes - filled) step = xdp->chunk_bytes - filled;
      memcpy(xdp->memory + address + filled, (uint8_t *)parts[part].iov_base + within, step);
      filled += (uint32_t)step;
      within += step;
      if (within < parts[part].iov_len) continue;
      part++;
      within = 0;
    }
    done += filled;
    *descriptor_at(&xdp->tx, producer + n) =
        (struct xdp_desc){.addr = address, .len = filled, .options = done < length ? XDP_PKT_CONTD : 0};
  }
  ring_store(xdp->tx.producer, producer + chunks);
  return true;
}

/*
 * xdpWriteBurst(fd, arena, list, start, count, off, len, altHeadOff, altHeadLen, altOff, altLen, gso, csum, report)
 * -> frames taken
 */
napi_value xdp_write_burst(napi_env env, napi_callback_info info) {
  napi_value argv[14];
  int fd = -1;
  Xdp *xdp;
  Outgoing out;
  Column report;
  if (!args_read(env, info, 14, argv) || !(xdp = arg_state(env, argv[0], OWNED_XDP, &fd)) ||
      !arg_outgoing(env, argv + 1, &out) || !arg_report(env, argv[13], &report))
    return NULL;
  int64_t taken = 0;
  int32_t refused = 0;
  int error = 0;
  take_back(xdp);
  for (int64_t at = out.start; at < out.end; at++) {
    struct iovec parts[FRAME_PARTS];
    int used = outgoing_parts(env, &out, at, NULL, parts);
    if (used == 0) return NULL;
    size_t length = 0;
    for (int i = 0; i < used; i++) length += parts[i].iov_len;
    size_t longest = xdp->frags ? (size_t)xdp->chunk_bytes * MAX_CHUNKS : xdp->chunk_bytes;
    if (length < ETHERNET_BYTES || length > longest || length > LONGEST) {
      error = length < ETHERNET_BYTES ? EINVAL : EMSGSIZE;
      refused++;
      continue;
    }
    if (!enter(xdp, parts, used, length)) {
      int answer = xdp_kick(xdp);
      if (answer) error = answer;
      take_back(xdp);
      if (!enter(xdp, parts, used, length)) break;
    }
    taken++;
  }
  int answer = xdp_kick(xdp);
  if (answer) error = answer;
  take_back(xdp);
  report.at[REPORT_ERRNO] = error;
  report.at[REPORT_FRAMES] = refused;
  return make_int(env, taken);
}
