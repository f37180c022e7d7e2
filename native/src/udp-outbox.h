/* What the three sending files of a UDP underlay share: frames taken apart, and the messages that are made of them. */
#ifndef ETHERLOOM_UDP_OUTBOX_H
#define ETHERLOOM_UDP_OUTBOX_H

#include "udp.h"

#define ROWS 256
#define DATAGRAMS 1024
#define MESSAGES 64
#define PARTS 1024
/* A header of its own, and what follows it in a frame of two parts. */
#define PART_MAX 3
#define MESSAGE_CONTROL_BYTES 128
/* The kernel's own limits for one UDP_SEGMENT call, IP and UDP headers left out. */
#define SEGMENTS_MAX 64
#define MESSAGE_BYTES 65000
/* VXLAN, Ethernet with tags, IPv6 with extensions, TCP with options. */
#define HEAD_BYTES 256

/* What the outer headers of a frame say. */
typedef struct {
  uint8_t source[16];
  uint8_t destination[16];
  uint16_t source_port, port;
  uint8_t tos, ttl;
  bool dont_fragment, no_check;
} Flow;

typedef struct {
  const Flow *flow;
  struct iovec parts[PART_MAX];
  int part_count;
  size_t length;
  bool ends_row; /* the last one that a frame became */
  int next;      /* the next one of the same socket, -1 at the end */
} Datagram;

typedef struct {
  const Datagram *first;
  int part, parts; /* of Outbox.parts */
  int datagrams, rows;
  size_t length, segment;
  bool closed; /* a shorter segment was the last */
} Message;

typedef struct Outbox {
  Flow flows[ROWS];
  Datagram datagrams[DATAGRAMS];
  uint8_t heads[DATAGRAMS][HEAD_BYTES];
  int flow_count, datagram_count;
  struct iovec parts[PARTS];
  Message messages[MESSAGES];
  struct mmsghdr headers[MESSAGES];
  Address to[MESSAGES];
  uint8_t control[MESSAGES][MESSAGE_CONTROL_BYTES] __attribute__((aligned(16)));
  int message_count, part_count;
  /* Of this call. */
  int64_t sent;
  int refused, icmp, error;
} Outbox;

/* -- udp-segment.c */
/* Copies up to `wanted` bytes of a frame from `skip` on; -> how many there were. */
size_t udp_gather(const struct iovec *frame, int parts, size_t skip, uint8_t *out, size_t wanted);
/*
 * Makes the datagrams of a frame whose first `outer` bytes are outer headers: one, or as many as the super-frame inside
 * has segments. False when the frame is none that can be cut, or when there is no room, with *full set.
 */
bool udp_cut(Outbox *outbox, const struct iovec *frame, int parts, size_t outer, uint32_t gso, uint32_t csum,
             const Flow *flow, bool *full);

/* -- udp-message.c */
/* Sends the chain of datagrams that begins with `at`; what the socket does not take is left out. */
void udp_send_chain(Udp *udp, SendSocket *sender, int at);

#endif
