/*
 * Receiving datagrams as outer Ethernet frames.
 *
 * What the kernel took off is written back in front of each datagram: an Ethernet header with addresses that stand
 * for nothing, IP and UDP headers from what the kernel says about the datagram. The switch above then reads the same
 * bytes whatever the underlay. UDP_GRO delivers up to 64 datagrams of a flow in one: they are cut apart again, so
 * all of them pass through a buffer of ours and are copied once, into slots. Those that carry segments of one TCP flow
 * may become one super-frame instead.
 *
 *   slot:  | headroom | Ethernet 14 | IPv4 20 or IPv6 40 | UDP 8 | datagram ... |
 *
 * The outer checksum is none of our business: the kernel has verified it, and drops what is wrong. An inner one may be
 * partial, see udp-coalesce.h.
 */
#include "checksum.h"
#include "udp-coalesce.h"

#include <errno.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

/* Datagrams taken by one call when they are small; coalesced ones fill the second-level cache by the fourth. */
#define BUFFERS 64
#define COALESCED_BUFFERS 4
/* 64 KB and an odd number of cache lines: the first lines of all buffers would share one cache set otherwise. */
#define BUFFER_BYTES (1033 * 64)
#define CONTROL_BYTES 256
#define DONT_FRAGMENT 0x4000

#define OFFER_WORDS 2
#define REPORT_ERRNO 0
#define REPORT_FRAMES 1
#define REPORT_SMALL 2
#define REPORT_LARGE 3
#define REPORT_WAITING 4
#define REPORT_WORDS 5

typedef struct {
  uint8_t destination[16];
  uint8_t tos;
  uint8_t ttl;
  bool is_as_before; /* said the same of the message before */
  size_t segment;
  size_t inner_mss; /* of a super-frame inside that was told as a train */
} Told;

typedef struct Inbox {
  uint8_t *memory;
  struct mmsghdr messages[BUFFERS];
  struct iovec parts[BUFFERS];
  Address from[BUFFERS];
  uint8_t control[BUFFERS][CONTROL_BYTES] __attribute__((aligned(16)));
  /* Received and not yet delivered: messages from `next` on, of that one the bytes from `at` on. */
  int count, next;
  size_t at;
  Told told;
  bool coalesced;
  Merge merge;
} Inbox;

bool udp_inbox_make(Udp *udp) {
  Inbox *inbox = calloc(1, sizeof *inbox);
  udp->inbox = inbox;
  if (inbox == NULL) return false;
  inbox->memory = malloc((size_t)BUFFERS * BUFFER_BYTES);
  return inbox->memory != NULL;
}

void udp_inbox_free(Udp *udp) {
  if (udp->inbox) free(udp->inbox->memory);
  free(udp->inbox);
}

/* Takes what waits in one socket; false when it is empty by now, or gave an error. */
static bool fill(Inbox *inbox, int fd, int *error) {
  int wanted = inbox->coalesced ? COALESCED_BUFFERS : BUFFERS;
  for (int i = 0; i < wanted; i++) {
    inbox->parts[i] = (struct iovec){inbox->memory + (size_t)i * BUFFER_BYTES, BUFFER_BYTES};
    inbox->messages[i].msg_hdr = (struct msghdr){.msg_name = &inbox->from[i],
                                                 .msg_namelen = sizeof inbox->from[i],
                                                 .msg_iov = &inbox->parts[i],
                                                 .msg_iovlen = 1,
                                                 .msg_control = inbox->control[i],
                                                 .msg_controllen = CONTROL_BYTES};
  }
  int n;
  do n = recvmmsg(fd, inbox->messages, (unsigned)wanted, MSG_DONTWAIT, NULL);
  while (n < 0 && errno == EINTR);
  if (n < 0 && errno != EAGAIN) *error = errno;
  if (n <= 0) return false;
  inbox->count = n;
  inbox->next = 0;
  inbox->at = 0;
  inbox->coalesced = false;
  return n == wanted;
}

/* What the kernel says about a message; its length is that of one datagram unless UDP_GRO says otherwise. */
static void read_control(const Udp *udp, struct mmsghdr *message, Told *told) {
  *told = (Told){.ttl = 64, .segment = message->msg_len};
  memcpy(told->destination, udp->family == AF_INET ? (const void *)&udp->local.v4.sin_addr : &udp->local.v6.sin6_addr,
         address_bytes(udp));
  struct msghdr *header = &message->msg_hdr;
  for (struct cmsghdr *each = CMSG_FIRSTHDR(header); each; each = CMSG_NXTHDR(header, each)) {
    int number = 0;
    size_t bytes = each->cmsg_len - CMSG_LEN(0);
    memcpy(&number, CMSG_DATA(each), bytes < sizeof number ? bytes : sizeof number);
    if (each->cmsg_level == IPPROTO_IP && each->cmsg_type == IP_PKTINFO) {
      struct in_pktinfo where;
      memcpy(&where, CMSG_DATA(each), sizeof where);
      memcpy(told->destination, &where.ipi_addr, 4);
    } else if (each->cmsg_level == IPPROTO_IPV6 && each->cmsg_type == IPV6_PKTINFO) {
      struct in6_pktinfo where;
      memcpy(&where, CMSG_DATA(each), sizeof where);
      memcpy(told->destination, &where.ipi6_addr, 16);
    } else if ((each->cmsg_level == IPPROTO_IP && each->cmsg_type == IP_TOS) ||
               (each->cmsg_level == IPPROTO_IPV6 && each->cmsg_type == IPV6_TCLASS)) {
      told->tos = (uint8_t)number;
    } else if ((each->cmsg_level == IPPROTO_IP && each->cmsg_type == IP_TTL) ||
               (each->cmsg_level == IPPROTO_IPV6 && each->cmsg_type == IPV6_HOPLIMIT)) {
      told->ttl = (uint8_t)number;
    } else if (each->cmsg_level == SOL_UDP && each->cmsg_type == UDP_GRO && number > 0) {
      told->segment = (size_t)number;
    }
  }
}

/* Ethernet, IP and UDP headers of a datagram of `length` bytes; returns their length. */
static size_t write_headers(const Udp *udp, uint8_t *at, const Address *from, const Told *told, size_t length) {
  /* Locally administered: 02:00:00:00:00:01 to 02:00:00:00:00:02. */
  static const uint8_t v4_ethernet[ETHERNET_BYTES] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x08, 0x00};
  static const uint8_t v6_ethernet[ETHERNET_BYTES] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x86, 0xdd};
  uint8_t *ip = at + ETHERNET_BYTES;
  uint8_t *datagram;
  uint16_t source;
  if (udp->family == AF_INET) {
    memcpy(at, v4_ethernet, ETHERNET_BYTES);
    ip[0] = 0x45;
    ip[1] = told->tos;
    put_be16(ip + 2, (uint32_t)(IPV4_BYTES + UDP_BYTES + length));
    put_be16(ip + 4, 0);
    put_be16(ip + 6, DONT_FRAGMENT);
    ip[8] = told->ttl;
    ip[9] = IPPROTO_UDP;
    memcpy(ip + 12, &from->v4.sin_addr, 4);
    memcpy(ip + 16, told->destination, 4);
    write_ipv4_checksum(ip, IPV4_BYTES);
    datagram = ip + IPV4_BYTES;
    source = ntohs(from->v4.sin_port);
  } else {
    memcpy(at, v6_ethernet, ETHERNET_BYTES);
    ip[0] = (uint8_t)(0x60 | told->tos >> 4);
    ip[1] = (uint8_t)(told->tos << 4);
    put_be16(ip + 2, 0);
    put_be16(ip + 4, (uint32_t)(UDP_BYTES + length));
    ip[6] = IPPROTO_UDP;
    ip[7] = told->ttl;
    memcpy(ip + 8, &from->v6.sin6_addr, 16);
    memcpy(ip + 24, told->destination, 16);
    datagram = ip + IPV6_BYTES;
    source = ntohs(from->v6.sin6_port);
  }
  put_be16(datagram, source);
  put_be16(datagram + 2, udp->port);
  put_be16(datagram + 4, (uint32_t)(UDP_BYTES + length));
  put_be16(datagram + 6, 0);
  return (size_t)(datagram + UDP_BYTES - at);
}

/* The sockets to read, the quiet ones left out. */
static int readable(const Udp *udp, int *fds) {
  if (udp->group_count == 0 || udp->any) {
    fds[0] = udp->receiver;
    return 1;
  }
  struct epoll_event events[GROUPS_MAX + 1];
  int n = epoll_wait(udp->epoll_fd, events, GROUPS_MAX + 1, 0);
  for (int i = 0; i < n; i++) fds[i] = events[i].data.fd;
  return n < 0 ? 0 : n;
}

static bool same_outer(const Told *a, const Told *b) {
  return a->tos == b->tos && a->ttl == b->ttl && memcmp(a->destination, b->destination, 16) == 0;
}

static bool same_sender(const Inbox *inbox, int a, int b) {
  return memcmp(&inbox->from[a], &inbox->from[b], sizeof(Address)) == 0;
}

/* Whether what comes next may be the next segment of what comes now. */
static bool is_followed(const Inbox *inbox, size_t length) {
  int i = inbox->next;
  if (inbox->at + length < inbox->messages[i].msg_len) return true;
  return i + 1 < inbox->count && same_sender(inbox, i, i + 1);
}

/* The rows and slots of one call. */
typedef struct {
  Bytes arena;
  Column slot, off, len, gso, csum, offer;
  int64_t row, end;
  int64_t small, large, small_bytes, large_bytes, small_used, large_used;
  int coalesce;
  int merging; /* the message that the merge began with */
  int32_t lost;
} Burst;

/* What became of a datagram. */
typedef enum { TAKEN, NO_ROOM, BAD_OFFER } Fate;

static void end_merge(Inbox *inbox, Burst *burst) {
  if (inbox->merge.frame == NULL) return;
  uint32_t gso, csum;
  int64_t row = burst->row - 1;
  burst->len.at[row] = (int32_t)inbox->merge.length;
  udp_merge_end(&inbox->merge, &gso, &csum);
  burst->gso.at[row] = (int32_t)gso;
  burst->csum.at[row] = (int32_t)csum;
}

/* Whether the datagram is the next segment of the last row, which it is part of then. */
static bool joins(Inbox *inbox, const Burst *burst, const uint8_t *datagram, const Segment *segment) {
  int i = inbox->next;
  if (inbox->merge.frame == NULL || segment == NULL) return false;
  bool same = i == burst->merging || (inbox->told.is_as_before && same_sender(inbox, burst->merging, i));
  return same && udp_merge_add(&inbox->merge, datagram, segment);
}

/* Puts a datagram into a row and slot of its own; one that may be followed by more of its flow into a large slot. */
static Fate put_row(const Udp *udp, Burst *burst, const uint8_t *datagram, size_t length, const Transport *transport,
                    const Segment *segment) {
  Inbox *inbox = udp->inbox;
  int i = inbox->next;
  size_t headers = ETHERNET_BYTES + (udp->family == AF_INET ? IPV4_BYTES : IPV6_BYTES) + UDP_BYTES;
  int64_t bytes = (int64_t)(headers + length);
  if (burst->row == burst->end) return NO_ROOM;
  if (bytes > burst->large_bytes || (inbox->messages[i].msg_hdr.msg_flags & MSG_TRUNC)) {
    burst->lost++;
    return TAKEN;
  }
  bool begins = segment && burst->large > 0 && is_followed(inbox, length);
  bool is_small = !begins && bytes <= burst->small_bytes && burst->small_used < burst->small;
  if (!is_small && burst->large_used == burst->large) return NO_ROOM;
  int64_t taken = is_small ? burst->small_used++ : burst->small + burst->large_used++;
  int64_t at = burst->offer.at[taken * OFFER_WORDS + 1];
  if (!inside(&burst->arena, at, is_small ? bytes : burst->large_bytes)) return BAD_OFFER;
  uint8_t *frame = burst->arena.at + at;
  write_headers(udp, frame, &inbox->from[i], &inbox->told, length);
  memcpy(frame + headers, datagram, length);
  int64_t row = burst->row++;
  burst->slot.at[row] = burst->offer.at[taken * OFFER_WORDS];
  burst->off.at[row] = (int32_t)at;
  burst->len.at[row] = (int32_t)bytes;
  uint32_t gso = 0, csum = 0;
  if (transport && transport->partial)
    udp_partial_words(datagram, transport, headers, udp->inner_mtu, inbox->told.inner_mss, &gso, &csum);
  burst->gso.at[row] = (int32_t)gso;
  burst->csum.at[row] = (int32_t)csum;
  if (begins) {
    udp_merge_begin(&inbox->merge, frame, headers, (size_t)burst->large_bytes, segment);
    burst->merging = i;
  }
  return TAKEN;
}

/*
 * A datagram that carries a super-frame of UDP is told like a train of datagrams, with the size of the inner segments. It
 * shows in the packet inside, which is as long as the whole.
 */
static void find_super_frame(Inbox *inbox, size_t length) {
  Transport at;
  if (!udp_read_transport(inbox->parts[inbox->next].iov_base, length, &at) || at.l4 + at.covered != length) return;
  inbox->told.inner_mss = inbox->told.segment;
  inbox->told.segment = length;
}

/* Delivers the next datagram of what was received. */
static Fate deliver(const Udp *udp, Burst *burst) {
  Inbox *inbox = udp->inbox;
  int i = inbox->next;
  struct mmsghdr *message = &inbox->messages[i];
  if (inbox->at == 0) {
    Told before = inbox->told;
    read_control(udp, message, &inbox->told);
    inbox->told.is_as_before = same_outer(&before, &inbox->told);
    if (inbox->told.segment < message->msg_len) {
      inbox->coalesced = true;
      find_super_frame(inbox, message->msg_len);
    }
  }
  size_t length = message->msg_len - inbox->at;
  if (length > inbox->told.segment) length = inbox->told.segment;
  const uint8_t *datagram = (uint8_t *)inbox->parts[i].iov_base + inbox->at;
  Transport found;
  Segment read;
  const Transport *transport = udp_read_transport(datagram, length, &found) ? &found : NULL;
  const Segment *segment = NULL;
  bool is_several = transport && transport->partial && transport->packet > udp->inner_mtu;
  if (transport && burst->coalesce && !is_several &&
      udp_read_segment(datagram, length, transport, burst->coalesce, &read))
    segment = &read;
  if (!joins(inbox, burst, datagram, segment)) {
    end_merge(inbox, burst);
    Fate fate = put_row(udp, burst, datagram, length, transport, segment);
    if (fate != TAKEN) return fate;
  }
  inbox->at += length;
  if (inbox->at >= message->msg_len) {
    inbox->next++;
    inbox->at = 0;
  }
  return TAKEN;
}

/*
 * udpReceiveBurst(fd, arena, slot, off, len, gso, csum, first, max, offer, small, large, smallBytes, largeBytes,
 *                 report, coalesce) -> frames
 *
 * Fills rows [first, first + frames). `offer` has a slot number and an offset per slot: first `small` slots for frames
 * of at most smallBytes, then `large` ones; they are taken in order, small ones first. The burst ends when rows or
 * slots do, and what was received by then is kept for the next call. Report: errno, datagrams thrown away because no
 * slot could ever hold them, small slots taken, large slots taken, 1 when datagrams wait here and not in the kernel.
 */
napi_value udp_receive_burst(napi_env env, napi_callback_info info) {
  napi_value argv[16];
  int fd;
  Udp *udp;
  Column report;
  int64_t first, max, coalesce;
  Burst burst = {0};
  if (!args_read(env, info, 16, argv) || !(udp = arg_state(env, argv[0], OWNED_UDP, &fd)) ||
      !arg_bytes(env, argv[1], "arena", &burst.arena) || !arg_column(env, argv[2], "slot", &burst.slot) ||
      !arg_column(env, argv[3], "off", &burst.off) || !arg_column(env, argv[4], "len", &burst.len) ||
      !arg_column(env, argv[5], "gso", &burst.gso) || !arg_column(env, argv[6], "csum", &burst.csum) ||
      !arg_int(env, argv[7], "first", 0, INT32_MAX, &first) || !arg_int(env, argv[8], "max", 0, INT32_MAX, &max) ||
      !arg_column(env, argv[9], "offer", &burst.offer) || !arg_int(env, argv[10], "small", 0, INT32_MAX, &burst.small) ||
      !arg_int(env, argv[11], "large", 0, INT32_MAX, &burst.large) ||
      !arg_int(env, argv[12], "smallBytes", 64, 1 << 20, &burst.small_bytes) ||
      !arg_int(env, argv[13], "largeBytes", 64, 1 << 20, &burst.large_bytes) ||
      !arg_column(env, argv[14], "report", &report) ||
      !arg_int(env, argv[15], "coalesce", 0, COALESCE_ALL, &coalesce))
    return NULL;
  int64_t end = first + max;
  if (end > (int64_t)burst.slot.count || end > (int64_t)burst.off.count || end > (int64_t)burst.len.count ||
      end > (int64_t)burst.gso.count || end > (int64_t)burst.csum.count ||
      (burst.small + burst.large) * OFFER_WORDS > (int64_t)burst.offer.count || report.count < REPORT_WORDS) {
    throw_range(env, "rows %lld to %lld, their slots or the report are outside the columns", (long long)first,
                (long long)end);
    return NULL;
  }
  burst.row = first;
  burst.end = end;
  burst.coalesce = (int)coalesce;

  Inbox *inbox = udp->inbox;
  int error = 0;
  int fds[GROUPS_MAX + 1];
  int ready = -1, next_ready = 0;
  for (;;) {
    if (inbox->next < inbox->count) {
      Fate fate = deliver(udp, &burst);
      if (fate == TAKEN) continue;
      if (fate == NO_ROOM) break;
      throw_range(env, "an offered slot is outside the arena");
      return NULL;
    }
    end_merge(inbox, &burst);
    if (burst.row == end) break;
    if (ready < 0) ready = readable(udp, fds);
    if (next_ready == ready) break;
    if (!fill(inbox, fds[next_ready], &error)) next_ready++;
  }
  report.at[REPORT_ERRNO] = error;
  report.at[REPORT_FRAMES] = burst.lost;
  report.at[REPORT_SMALL] = (int32_t)burst.small_used;
  report.at[REPORT_LARGE] = (int32_t)burst.large_used;
  report.at[REPORT_WAITING] = inbox->next < inbox->count;
  return make_int(env, burst.row - first);
}
