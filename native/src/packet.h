/*
 * Ports on interfaces that exist already: packet sockets (packet(7)) with a mapped receive ring.
 *
 * The ring is TPACKET_V2, a frame a slot, and not V3: a V3 block is handed over when it is full or when a timer of
 * milliseconds ends it, so that a ping waits for the timer at every switch, while a V2 slot is readable when it is
 * written. Slots are as large as ordinary frames. What is longer (a super-frame of 64 KB that the sender left whole)
 * the kernel queues behind its slot as it is (PACKET_COPY_THRESH), and it is read straight to where it belongs.
 *
 *   slot:  | status len snaplen mac net sec nsec vlan tci tpid | ... | virtio-net header 10 | frame ... |
 *            ^ tpacket2_hdr                                                                   ^ mac
 *
 * The kernel takes a frame's outer tag out before it comes here and puts it beside the frame; it is put back.
 * Whatever the sender left to the hardware (checksum, segmentation) is told by a virtio-net header (PACKET_VNET_HDR), in
 * both directions: what is sent with one, the kernel or the hardware finishes. Frames that need nothing, most of them,
 * leave by a second socket without the header, which saves the kernel a twentieth of its work (bench S8).
 *
 * Closing gives everything back: ring, promiscuous mode, membership of a fanout group.
 */
#ifndef ETHERLOOM_PACKET_H
#define ETHERLOOM_PACKET_H

#include "frames.h"

#include <stdint.h>

/* Of the ring; a slot lies in one of them. */
#define BLOCK_BYTES (1 << 16)

typedef struct {
  uint8_t *ring;
  size_t bytes;
  uint32_t slot_bytes;
  uint32_t slots_per_block;
  uint32_t slots;
  uint32_t head;
  int index;
  int plain_fd;
  int group;
} Packet;

#endif
