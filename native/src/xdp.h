/*
 * An XDP socket with its memory and rings, as its two files share it.
 *
 *   fill ring:  chunks that the kernel may write to      rx ring:  what it wrote
 *   tx ring:    what it is to send                       completion ring: chunks that were sent
 *
 * Chunks [0, ring) are for receiving and always belong to the kernel or to the burst that is being read; the others
 * are for sending, and those that are free stand on a stack.
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
  int map_fd, program_fd, link_fd, promiscuous_fd;
  uint8_t *memory;
  size_t memory_bytes;
  uint32_t chunk_bytes;
  uint32_t ring_entries;
  Ring fill, completion, rx, tx;
  uint32_t *free_chunks;
  uint32_t free_count;
  uint64_t missed_told;
  bool zero_copy, driver, frags;
} Xdp;

static inline uint32_t ring_load(const uint32_t *at) { return __atomic_load_n(at, __ATOMIC_ACQUIRE); }
static inline void ring_store(uint32_t *at, uint32_t value) { __atomic_store_n(at, value, __ATOMIC_RELEASE); }
static inline struct xdp_desc *descriptor_at(const Ring *ring, uint32_t number) {
  return (struct xdp_desc *)ring->entries + (number & ring->mask);
}
static inline uint64_t *address_at(const Ring *ring, uint32_t number) {
  return (uint64_t *)ring->entries + (number & ring->mask);
}

/* xdp-burst.c: has the kernel send what is in the tx ring; 0 or an errno. */
int xdp_kick(Xdp *xdp);

#endif
