/*
 * Sending through an XDP socket, a burst per call.
 *
 * A frame that lies in a slot leaves from there: its descriptor says where, and the slot has one holder more until the
 * kernel is done with it. Copied into spare slots is what lies elsewhere or in two places, and everything where the
 * driver reads a frame after the call that sent it (`reads_later`), since by then the switch may have gone on writing. For
 * the same reason what the kernel has not taken when the call ends is copied then.
 */
#include "xdp.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define ETHERNET_BYTES 14
#define LONGEST 65800
/* Most chunks of a frame: more than the kernel takes. */
#define MAX_CHUNKS 40
/* Calls in a row that send nothing before the rest waits for the next burst. */
#define IDLE_KICKS 3

/* Slots whose last holder was the kernel: JavaScript frees them. */
typedef struct {
  int32_t *at;
  size_t count, room;
} Freed;

/* One hold of the kernel's less. */
static void let_go(Xdp *xdp, Column *holders, Freed *freed, uint32_t slot) {
  xdp->sending[slot]--;
  if (holders->at[slot] > 1) holders->at[slot]--;
  else if (freed->count < freed->room) freed->at[freed->count++] = (int32_t)slot;
}

static void take_back(Xdp *xdp, Column *holders, Freed *freed) {
  uint32_t consumer = *xdp->completion.consumer;
  uint32_t producer = ring_load(xdp->completion.producer);
  for (; consumer != producer && freed->count < freed->room; consumer++) {
    uint64_t slot = offset_of(xdp, *address_at(&xdp->completion, consumer)) / xdp->slot_bytes;
    if (slot >= xdp->slots) continue;
    if (xdp->is_spare[slot]) {
      if (xdp->spare_count < xdp->spare_max) xdp->spare[xdp->spare_count++] = (uint32_t)slot;
    } else if (xdp->sending[slot] > 0) {
      let_go(xdp, holders, freed, (uint32_t)slot);
    }
  }
  ring_store(xdp->completion.consumer, consumer);
}

/*
 * Copying, the kernel sends a few frames a call; otherwise the driver is woken and does the rest. A call ends early, with
 * EBUSY, behind a frame that the device has no room for: that one is lost.
 */
int xdp_kick(Xdp *xdp) {
  uint32_t producer = *xdp->tx.producer;
  for (int idle = 0; idle < IDLE_KICKS;) {
    uint32_t before = ring_load(xdp->tx.consumer);
    if (before == producer || !(*xdp->tx.flags & XDP_RING_NEED_WAKEUP)) return 0;
    int error = sendto(xdp->fd, NULL, 0, MSG_DONTWAIT, NULL, 0) < 0 ? errno : 0;
    if (error && error != EAGAIN && error != EBUSY && error != ENOBUFS && error != EINTR) return error;
    if (xdp->zero_copy) return 0;
    if (ring_load(xdp->tx.consumer) == before) idle++;
    else if (error == EBUSY) xdp->lost++;
  }
  return 0;
}

static uint32_t tx_room(const Xdp *xdp) {
  return xdp->tx.mask + 1 - (*xdp->tx.producer - ring_load(xdp->tx.consumer));
}

/* Spare slots beyond those that `keep_unsent` may need, where a call has entered `in_place` frames so far. */
static uint32_t spare_room(const Xdp *xdp, uint32_t in_place) {
  uint32_t unsent = *xdp->tx.producer - ring_load(xdp->tx.consumer);
  if (unsent > in_place) unsent = in_place;
  return unsent < xdp->spare_count ? xdp->spare_count - unsent : 0;
}

/* Enters a frame that lies in a slot; false when there is no room, for it or for a copy of it. */
static bool enter_in_place(Xdp *xdp, Column *holders, uint32_t slot, const struct iovec *part,
                           uint32_t *in_place) {
  if (tx_room(xdp) == 0 || spare_room(xdp, *in_place) == 0 || xdp->sending[slot] == UINT16_MAX) return false;
  uint32_t producer = *xdp->tx.producer;
  uint64_t address = (uint64_t)((uint8_t *)part->iov_base - xdp->arena.at) + xdp->delta;
  *descriptor_at(&xdp->tx, producer) = (struct xdp_desc){.addr = address, .len = (uint32_t)part->iov_len};
  holders->at[slot]++;
  xdp->sending[slot]++;
  ring_store(xdp->tx.producer, producer + 1);
  ++*in_place;
  return true;
}

/* Copies a frame into spare slots and enters them; false when there are too few. */
static bool enter_copied(Xdp *xdp, const struct iovec *parts, int used, size_t length,
                         uint32_t in_place) {
  uint32_t chunks = (uint32_t)((length + xdp->slot_bytes - 1) / xdp->slot_bytes);
  if (chunks > spare_room(xdp, in_place) || chunks > tx_room(xdp)) return false;
  uint32_t producer = *xdp->tx.producer;
  size_t done = 0;
  size_t within = 0;
  int part = 0;
  for (uint32_t n = 0; n < chunks; n++) {
    uint64_t at = (uint64_t)xdp->spare[--xdp->spare_count] * xdp->slot_bytes;
    uint32_t filled = 0;
    while (filled < xdp->slot_bytes && part < used) {
      size_t step = parts[part].iov_len - within;
      if (step > xdp->slot_bytes - filled) step = xdp->slot_bytes - filled;
      memcpy(xdp->arena.at + at + filled, (uint8_t *)parts[part].iov_base + within, step);
      filled += (uint32_t)step;
      within += step;
      if (within < parts[part].iov_len) continue;
      part++;
      within = 0;
    }
    done += filled;
    *descriptor_at(&xdp->tx, producer + n) =
        (struct xdp_desc){.addr = at + xdp->delta, .len = filled, .options = done < length ? XDP_PKT_CONTD : 0};
  }
  ring_store(xdp->tx.producer, producer + chunks);
  return true;
}

/*
 * Copies what the kernel has left in the ring: the frames are the switch's again when the call ends. There is a spare slot for
 * each (`spare_room`). What was entered stays entered: the kernel keeps the ring's end as it last saw it, and would go on to
 * entries that are taken out. Without zero-copy it reads the ring in our calls only.
 */
static void keep_unsent(Xdp *xdp, Column *holders, Freed *freed) {
  uint32_t end = *xdp->tx.producer;
  for (uint32_t at = ring_load(xdp->tx.consumer); at != end && xdp->spare_count > 0; at++) {
    struct xdp_desc *entry = descriptor_at(&xdp->tx, at);
    uint64_t from = offset_of(xdp, entry->addr);
    uint32_t slot = (uint32_t)(from / xdp->slot_bytes);
    if (xdp->is_spare[slot]) continue;
    uint64_t to = (uint64_t)xdp->spare[--xdp->spare_count] * xdp->slot_bytes;
    memcpy(xdp->arena.at + to, xdp->arena.at + from, entry->len);
    entry->addr = to + xdp->delta;
    let_go(xdp, holders, freed, slot);
  }
}

/* The slot that the frame lies in and may be sent from, or -1. */
static int64_t sent_from(const Xdp *xdp, const Outgoing *out, const Column *slots, int64_t at,
                         const struct iovec *parts, int used) {
  if (xdp->reads_later || used != 1 || out->arena.at != xdp->arena.at) return -1;
  uint32_t row = (uint32_t)out->list.at[at] & INDEX_MASK;
  int64_t slot = row < slots->count ? slots->at[row] : -1;
  if (slot < 0 || slot >= xdp->slots || xdp->is_spare[slot]) return -1;
  int64_t within = (uint8_t *)parts[0].iov_base - xdp->arena.at - slot * xdp->slot_bytes;
  return within >= 0 && within + (int64_t)parts[0].iov_len <= xdp->slot_bytes ? slot : -1;
}

/*
 * xdpWriteBurst(fd, arena, list, start, count, off, len, altHeadOff, altHeadLen, altOff, altLen, gso, csum, slot, holders,
 *               report) -> frames taken
 *
 * `holders` is the arena's. report[2] slots follow in the report that nobody holds but the kernel, which is done with
 * them; each is to be released once.
 */
napi_value xdp_write_burst(napi_env env, napi_callback_info info) {
  napi_value argv[16];
  int fd = -1;
  Xdp *xdp;
  Outgoing out;
  Column slots, holders, report;
  if (!args_read(env, info, 16, argv) || !(xdp = arg_state(env, argv[0], OWNED_XDP, &fd)) ||
      !arg_outgoing(env, argv + 1, &out) || !arg_column(env, argv[13], "slot", &slots) ||
      !arg_column(env, argv[14], "holders", &holders) || !arg_report_long(env, argv[15], &report))
    return NULL;
  if (holders.count < xdp->slots) {
    throw_range(env, "holders must have a word for every slot");
    return NULL;
  }
  Freed freed = {report.at + REPORT_LONG + 1, 0, report.count - REPORT_LONG - 1};
  int64_t taken = 0;
  int32_t refused = 0;
  int error = 0;
  take_back(xdp, &holders, &freed);
  uint32_t in_place = 0;
  for (int64_t at = out.start; at < out.end; at++) {
    struct iovec parts[FRAME_PARTS];
    int used = outgoing_parts(env, &out, at, NULL, parts);
    if (used == 0) break; /* the exception is told when what was entered is on its way */
    size_t length = 0;
    for (int i = 0; i < used; i++) length += parts[i].iov_len;
    size_t longest = xdp->frags ? (size_t)xdp->slot_bytes * MAX_CHUNKS : xdp->slot_bytes;
    if (length < ETHERNET_BYTES || length > longest || length > LONGEST) {
      error = length < ETHERNET_BYTES ? EINVAL : EMSGSIZE;
      refused++;
      continue;
    }
    int64_t slot = sent_from(xdp, &out, &slots, at, parts, used);
    bool entered = slot >= 0 ? enter_in_place(xdp, &holders, (uint32_t)slot, parts, &in_place)
                             : enter_copied(xdp, parts, used, length, in_place);
    if (!entered) {
      int answer = xdp_kick(xdp);
      if (answer) error = answer;
      take_back(xdp, &holders, &freed);
      if (!(slot >= 0 ? enter_in_place(xdp, &holders, (uint32_t)slot, parts, &in_place)
                      : enter_copied(xdp, parts, used, length, in_place)))
        break;
    }
    taken++;
  }
  int answer = xdp_kick(xdp);
  if (answer) error = answer;
  take_back(xdp, &holders, &freed);
  if (!xdp->reads_later) keep_unsent(xdp, &holders, &freed);
  /* Some may be of earlier bursts, which the ring has kept: they are told once, here or with the next one. */
  int64_t lost = xdp->lost < taken ? xdp->lost : taken;
  xdp->lost -= lost;
  taken -= lost;
  report.at[REPORT_ERRNO] = error;
  report.at[REPORT_FRAMES] = refused;
  report.at[REPORT_LONG] = (int32_t)freed.count;
  return make_int(env, taken);
}

/*
 * xdpHeld(fd, out) -> words of `out`: slots of others that are being sent from, each as often as it is held. For who is
 * about to close.
 */
napi_value xdp_held(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  int fd = -1;
  Xdp *xdp;
  Column out;
  if (!args_read(env, info, 2, argv) || !(xdp = arg_state(env, argv[0], OWNED_XDP, &fd)) ||
      !arg_column(env, argv[1], "out", &out))
    return NULL;
  size_t count = 0;
  for (uint32_t slot = 0; slot < xdp->slots; slot++) {
    for (uint32_t n = 0; n < xdp->sending[slot] && count < out.count; n++) out.at[count++] = (int32_t)slot;
  }
  return make_int(env, (int64_t)count);
}
