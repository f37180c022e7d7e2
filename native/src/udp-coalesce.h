/*
 * TCP segments inside a tunnel: put together again on receipt.
 *
 * The counterpart of udp-segment.c, for VXLAN datagrams that follow each other: those that carry the next segment of one
 * TCP flow, with headers that differ only where segments of one super-frame do, become one frame in a large slot. Cut
 * again, it gives the same bytes. Checksums are verified first, since nobody can later.
 */
#ifndef ETHERLOOM_UDP_COALESCE_H
#define ETHERLOOM_UDP_COALESCE_H

#include "udp.h"

#define COALESCE_TCP4 (1 << 0)
#define COALESCE_TCP6 (1 << 1)
#define COALESCE_ALL (COALESCE_TCP4 | COALESCE_TCP6)

/* A TCP or UDP packet in a VXLAN datagram: where its headers are, from the VXLAN header on. */
typedef struct {
  int version;
  uint8_t protocol;
  size_t l3, l4, field; /* field: of the transport checksum */
  size_t covered;       /* bytes from l4 on that are the packet's */
  size_t packet;        /* bytes of the IP packet */
  /* The checksum is the pseudo header's sum alone: a sender on this machine left it to a device that was none. The
     kernel finishes it nowhere on the way into a UDP socket, and says nothing. */
  bool partial;
} Transport;

/* A TCP segment that could be one of several. */
typedef struct {
  Transport at;
  size_t payload, length; /* length: of the datagram */
  uint32_t sequence;
  bool pushes;
} Segment;

/* A frame that is being put together. */
typedef struct {
  uint8_t *frame; /* NULL: none */
  size_t outer, length, room;
  Segment first;
  size_t mss;
  uint32_t next_sequence;
  uint16_t count;
  bool closed;
} Merge;

/* Whether the datagram carries TCP or UDP, whole and behind at most two tags. */
bool udp_read_transport(const uint8_t *datagram, size_t length, Transport *out);
/* Whether the datagram carries a TCP segment that could be one of several. */
bool udp_read_segment(const uint8_t *datagram, size_t length, const Transport *at, int allowed, Segment *out);
/*
 * gso and csum as in the batch, of a datagram whose checksum is partial; `outer` is the length of its outer headers. One that
 * is longer than `mtu` allows is a super-frame that nobody has cut: `mss` is its segment size, 0 when that is not
 * known. TCP is cut to the MTU then.
 */
void udp_partial_words(const uint8_t *datagram, const Transport *at, size_t outer, size_t mtu, size_t mss, uint32_t *gso,
                       uint32_t *csum);
/* Begins with the segment whose frame, `outer` bytes of headers first, is at `frame` already. */
void udp_merge_begin(Merge *merge, uint8_t *frame, size_t outer, size_t room, const Segment *first);
/* Appends the datagram; false when it is not the next one. */
bool udp_merge_add(Merge *merge, const uint8_t *datagram, const Segment *segment);
/* Writes the headers of what was put together; gso and csum as in the batch. */
void udp_merge_end(Merge *merge, uint32_t *gso, uint32_t *csum);

#endif
