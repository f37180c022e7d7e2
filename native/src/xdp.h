/*
 * An XDP socket with its rings, as its files share it. Its memory (UMEM) is the arena itself: the kernel writes received
 * frames into slots and reads sent ones out of them.
 *
 *   fill ring:  slots that the kernel may write to       rx ring:  what it wrote
 *   tx ring:    what it is to send                       completion ring: what was sent
 *
 *   arena:    | slot 0 | slot 1 | ... | large slots, scratch ...
 *   slot:     | 256, the kernel's room | received frame ... |          one chunk of the UMEM
 *
 * Slots are an odd number of cache lines long, so chunks are not aligned (XDP_UMEM_UNALIGNED_CHUNK_FLAG): an address has
 * the offset into its chunk in its upper 16 bits. A driver that copies nothing wants a chunk within one page of memory;
 * JavaScript chooses slots for it that are (`delta`, `pages`).
 *
 * A port has slots of its own, which JavaScript takes from the arena once: those for receiving are in the kernel or
 * lent to a batch, the spare ones are for frames that have to be copied to be sent. Slots of others are sent from in
 * place and held meanwhile.
 */
#ifndef ETHERLOOM_XDP_H
#define ETHERLOOM_XDP_H

#include "frames.h"

#include <linux/if_xdp.h>

/* Since Linux 6.6; a frame may stand in several chunks, all but the last of which say so. */
#ifndef XDP_USE_SG
#define XDP_USE_SG (1 << 4)
#endif
#ifndef XDP_PKT_CONTD
#define XDP_PKT_CONTD (1 << 0)
#endif
/* The kernel's own room in front of a received frame. */
#define XDP_HEADROOM 256

typedef struct {
  uint8_t *map;
  size_t map_bytes;
  uint32_t *producer, *consumer, *flags;
  void *entries;
  uint32_t mask;
} Ring;

typedef struct {
  int fd;
  int index;
  int map_fd, program_fd, link_fd;
  /* A socket to ask for the state of the interface by. The first one's is a packet socket, which makes it promiscuous. */
  int asking_fd;
  uint32_t queue;
  /* The first one of an interface makes map and program and is their owner; others share its map. */
  uint32_t last_queue;
  Bytes arena;
  /* Bytes from the page that the UMEM begins with to the arena. */
  uint32_t delta;
  uint32_t slot_bytes, slots;
  uint32_t ring_entries;
  Ring fill, completion, rx, tx;
  uint32_t *spare;
  uint32_t spare_count, spare_max;
  /* Per slot: it is one of the spare ones; how often it is being sent from in place. */
  uint8_t *is_spare;
  uint16_t *sending;
  uint64_t missed_told;
  /* Frames that the device has thrown away since a burst was last told of any. */
  int64_t lost;
  bool zero_copy, driver, frags;
  /* The driver reads a frame after the call that sent it, when the switch may have gone on writing to it. */
  bool reads_later;
} Xdp;

static inline uint32_t ring_load(const uint32_t *at) { return __atomic_load_n(at, __ATOMIC_ACQUIRE); }
static inline void ring_store(uint32_t *at, uint32_t value) { __atomic_store_n(at, value, __ATOMIC_RELEASE); }
static inline struct xdp_desc *descriptor_at(const Ring *ring, uint32_t number) {
  return (struct xdp_desc *)ring->entries + (number & ring->mask);
}
static inline uint64_t *address_at(const Ring *ring, uint32_t number) {
  return (uint64_t *)ring->entries + (number & ring->mask);
}
static inline uint64_t slot_address(const Xdp *xdp, uint32_t slot) {
  return (uint64_t)slot * xdp->slot_bytes + xdp->delta;
}
/* Where in the arena an address of the UMEM lies. */
static inline uint64_t offset_of(const Xdp *xdp, uint64_t address) {
  uint64_t base = address & ((1ULL << XSK_UNALIGNED_BUF_OFFSET_SHIFT) - 1);
  return base + (address >> XSK_UNALIGNED_BUF_OFFSET_SHIFT) - xdp->delta;
}

/* xdp-program.c, in this order; 0 or an errno. The first three make the program, the last one diverts frames to the socket. */
int xdp_make_map(Xdp *xdp);
int xdp_load_program(Xdp *xdp);
int xdp_attach_best(Xdp *xdp);
int xdp_divert(Xdp *xdp);
/* xdp-read.c: gives a slot to the kernel; false when the ring has no room. */
bool xdp_give(Xdp *xdp, uint32_t slot);
/* xdp-write.c: has the kernel send what is in the tx ring; 0 or an errno. */
int xdp_kick(Xdp *xdp);

#endif
