/*
 * Sending outer Ethernet frames as datagrams.
 *
 * The headers are taken apart again: destination, source port, TTL, TOS and DF go to the kernel with the datagram,
 * everything else it makes itself. The frames of a burst are sorted by pool socket (which keeps the order of every
 * flow) and sent with one sendmmsg per socket. Neighbouring datagrams of one flow that have the same length, the
 * last may be shorter, become one message with UDP_SEGMENT, which the kernel cuts apart as late as it can.
 *
 * What is exact: destination, port, TTL, TOS, DF, payload. The source port is that of the pool socket for the
 * header's port: stable per flow, one of at most 64. A checksum of 0 is sent as 0 until a socket has sent segments,
 * which must have one. The IPv4 identification and the IPv6 flow label are the kernel's.
 */
#include "udp.h"

#include <errno.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 256
#define MESSAGES 64
#define PARTS 1024
#define CONTROL_BYTES 128
/* The kernel's own limits for one UDP_SEGMENT call, IP and UDP headers left out. */
#define SEGMENTS_MAX 64
#define MESSAGE_BYTES 65000

/* The list words of src/dataplane/batch.ts. */
#define SHAPE_ALT (1 << 16)
#define INDEX_MASK 0xffff

#define REPORT_ERRNO 0
#define REPORT_FRAMES 1
#define REPORT_NOTICES 2
#define REPORT_ICMP 3
#define REPORT_WORDS 4

#define PART_MAX 2

/* A frame taken apart. */
typedef struct {
  uint8_t source[16];
  uint8_t destination[16];
  uint16_t source_port, port;
  uint8_t tos, ttl;
  bool dont_fragment, no_check;
  struct iovec parts[PART_MAX];
  int part_count;
  size_t length;
  int next; /* row of the same socket, -1 at the end */
} Datagram;

typedef struct {
  const Datagram *first;
  int part, parts; /* of Outbox.parts */
  int rows;
  size_t length, segment;
  bool closed; /* a shorter segment was the last */
} Message;

typedef struct Outbox {
  Datagram datagrams[ROWS];
  struct iovec parts[PARTS];
  Message messages[MESSAGES];
  struct mmsghdr headers[MESSAGES];
  Address to[MESSAGES];
  uint8_t control[MESSAGES][CONTROL_BYTES] __attribute__((aligned(16)));
  int message_count, part_count;
  /* Of this call. */
  int64_t sent;
  int refused, icmp, error;
} Outbox;

bool udp_outbox_make(Udp *udp) {
  udp->outbox = calloc(1, sizeof *udp->outbox);
  return udp->outbox != NULL;
}

void udp_outbox_free(Udp *udp) { free(udp->outbox); }

/* Takes the headers off; false for what is no UDP datagram of the underlay's family. */
static bool take_apart(const Udp *udp, const struct iovec *frame, int parts, Datagram *out) {
  uint8_t head[ETHERNET_BYTES + IPV6_BYTES + UDP_BYTES];
  size_t ip_bytes = udp->family == AF_INET ? IPV4_BYTES : IPV6_BYTES;
  size_t wanted = ETHERNET_BYTES + ip_bytes + UDP_BYTES;
  size_t have = 0;
  for (int i = 0; i < parts && have < wanted; i++) {
    size_t bytes = frame[i].iov_len < wanted - have ? frame[i].iov_len : wanted - have;
    memcpy(head + have, frame[i].iov_base, bytes);
    have += bytes;
  }
  if (have < wanted) return false;
  const uint8_t *ip = head + ETHERNET_BYTES;
  const uint8_t *datagram = ip + ip_bytes;
  memset(out->source, 0, sizeof out->source);
  memset(out->destination, 0, sizeof out->destination);
  if (udp->family == AF_INET) {
    if (be16(head + 12) != 0x0800 || ip[0] != 0x45 || ip[9] != IPPROTO_UDP) return false;
    out->tos = ip[1];
    out->ttl = ip[8];
    out->dont_fragment = (ip[6] & 0x40) != 0;
    memcpy(out->source, ip + 12, 4);
    memcpy(out->destination, ip + 16, 4);
  } else {
    if (be16(head + 12) != 0x86dd || ip[0] >> 4 != 6 || ip[6] != IPPROTO_UDP) return false;
    out->tos = (uint8_t)(ip[0] << 4 | ip[1] >> 4);
    out->ttl = ip[7];
    out->dont_fragment = true;
    memcpy(out->source, ip + 8, 16);
    memcpy(out->destination, ip + 24, 16);
  }
  out->source_port = be16(datagram);
  out->port = be16(datagram + 2);
  out->no_check = be16(datagram + 6) == 0;
  out->length = 0;
  out->part_count = 0;
  size_t skip = wanted;
  for (int i = 0; i < parts; i++) {
    size_t off = frame[i].iov_len < skip ? frame[i].iov_len : skip;
    skip -= off;
    if (off == frame[i].iov_len) continue;
    out->parts[out->part_count++] = (struct iovec){(uint8_t *)frame[i].iov_base + off, frame[i].iov_len - off};
    out->length += frame[i].iov_len - off;
  }
  return out->length <= MESSAGE_BYTES;
}

static bool same_flow(const Datagram *a, const Datagram *b) {
  return a->source_port == b->source_port && a->port == b->port && a->tos == b->tos && a->ttl == b->ttl &&
         a->dont_fragment == b->dont_fragment && memcmp(a->destination, b->destination, 16) == 0 &&
         memcmp(a->source, b->source, 16) == 0;
}

static size_t put_control(struct msghdr *header, size_t used, int level, int type, const void *value, size_t bytes) {
  struct cmsghdr *at = (struct cmsghdr *)((uint8_t *)header->msg_control + used);
  at->cmsg_level = level;
  at->cmsg_type = type;
  at->cmsg_len = CMSG_LEN(bytes);
  memcpy(CMSG_DATA(at), value, bytes);
  return used + CMSG_SPACE(bytes);
}

/* The message as the kernel wants it. */
static void write_message(const Udp *udp, Outbox *outbox, int index) {
  Message *message = &outbox->messages[index];
  const Datagram *first = message->first;
  struct msghdr *header = &outbox->headers[index].msg_hdr;
  Address *to = &outbox->to[index];
  uint32_t interface = udp_group_interface(udp, first->destination);
  memset(to, 0, sizeof *to);
  to->sa.sa_family = (sa_family_t)udp->family;
  *header = (struct msghdr){.msg_name = to,
                            .msg_namelen = sockaddr_bytes(udp),
                            .msg_iov = &outbox->parts[message->part],
                            .msg_iovlen = (size_t)message->parts,
                            .msg_control = outbox->control[index]};
  memset(outbox->control[index], 0, CONTROL_BYTES);
  size_t used = 0;
  int tos = first->tos;
  int ttl = first->ttl == 0 ? 1 : first->ttl;
  if (udp->family == AF_INET) {
    memcpy(&to->v4.sin_addr, first->destination, 4);
    to->v4.sin_port = htons(first->port);
    used = put_control(header, used, IPPROTO_IP, IP_TOS, &tos, sizeof tos);
    used = put_control(header, used, IPPROTO_IP, IP_TTL, &ttl, sizeof ttl);
    if (udp->any || interface) {
      struct in_pktinfo where = {.ipi_ifindex = (int)interface};
      memcpy(&where.ipi_spec_dst, first->source, 4);
      used = put_control(header, used, IPPROTO_IP, IP_PKTINFO, &where, sizeof where);
    }
  } else {
    memcpy(&to->v6.sin6_addr, first->destination, 16);
    to->v6.sin6_port = htons(first->port);
    if (interface) to->v6.sin6_scope_id = interface;
    else if (IN6_IS_ADDR_LINKLOCAL(&to->v6.sin6_addr)) to->v6.sin6_scope_id = udp->interface;
    used = put_control(header, used, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof tos);
    used = put_control(header, used, IPPROTO_IPV6, IPV6_HOPLIMIT, &ttl, sizeof ttl);
    if (udp->any || interface) {
      struct in6_pktinfo where = {.ipi6_ifindex = interface};
      memcpy(&where.ipi6_addr, first->source, 16);
      used = put_control(header, used, IPPROTO_IPV6, IPV6_PKTINFO, &where, sizeof where);
    }
  }
  if (message->length > message->segment) {
    uint16_t segment = (uint16_t)message->segment;
    used = put_control(header, used, SOL_UDP, UDP_SEGMENT, &segment, sizeof segment);
  }
  header->msg_controllen = used;
}

/* Whether the message can be sent as its datagrams, one by one, where it cannot as one. */
static bool is_of_segments(const Message *message, int error) {
  return message->length > message->segment && (error == EIO || error == EINVAL || error == EMSGSIZE);
}

static void failed(Outbox *outbox, int rows, int error) {
  outbox->refused += rows;
  outbox->error = error;
}

/*
 * Sends one datagram, or message, that sendmmsg stopped at. An error may be of an earlier datagram, told late: what
 * waits in the error queue is taken and the datagram gets a second chance. False when the socket is full.
 */
static bool send_alone(Udp *udp, SendSocket *sender, struct msghdr *header, int *error) {
  for (int tries = 0;; tries++) {
    ssize_t n = sendmsg(sender->fd, header, MSG_DONTWAIT);
    *error = n < 0 ? errno : 0;
    if (n >= 0) return true;
    if (*error == EINTR) continue;
    if (*error == EAGAIN || *error == ENOBUFS) return false;
    udp->outbox->icmp += udp_drain_errors(udp, sender->fd);
    if (tries > 0) return true;
  }
}

/* The datagrams of a message, each by itself; false when the socket is full. */
static bool send_apart(Udp *udp, SendSocket *sender, int index) {
  Outbox *outbox = udp->outbox;
  const Message *message = &outbox->messages[index];
  struct msghdr header = outbox->headers[index].msg_hdr;
  header.msg_controllen -= CMSG_SPACE(sizeof(uint16_t)); /* UDP_SEGMENT is the last */
  const Datagram *datagram = message->first;
  for (int row = 0; row < message->rows; row++) {
    struct iovec parts[PART_MAX];
    memcpy(parts, datagram->parts, sizeof parts);
    header.msg_iov = parts;
    header.msg_iovlen = (size_t)datagram->part_count;
    int error;
    if (!send_alone(udp, sender, &header, &error)) return false;
    if (error) failed(outbox, 1, error);
    else outbox->sent++;
    datagram = datagram->next < 0 ? NULL : &outbox->datagrams[datagram->next];
  }
  return true;
}

/* Sets what is the socket's and not the message's, as all messages that are gathered want it. */
static void set_up(const Udp *udp, SendSocket *sender, const Datagram *first) {
  int discover = first->dont_fragment ? IP_PMTUDISC_DO : IP_PMTUDISC_INTERFACE;
  bool no_check = first->no_check && !sender->segmented;
  if (discover != sender->discover) {
    if (udp->family == AF_INET) setsockopt(sender->fd, IPPROTO_IP, IP_MTU_DISCOVER, &discover, sizeof discover);
    else setsockopt(sender->fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &discover, sizeof discover);
    sender->discover = discover;
  }
  if (no_check != sender->no_check) {
    int on = no_check;
    if (udp->family == AF_INET) setsockopt(sender->fd, SOL_SOCKET, SO_NO_CHECK, &on, sizeof on);
    else setsockopt(sender->fd, SOL_UDP, UDP_NO_CHECK6_TX, &on, sizeof on);
    sender->no_check = no_check;
  }
}

/* Sends what is gathered for a socket; false when it is full. */
static bool flush(Udp *udp, SendSocket *sender) {
  Outbox *outbox = udp->outbox;
  int count = outbox->message_count;
  if (count == 0) return true;
  outbox->message_count = 0;
  outbox->part_count = 0;
  set_up(udp, sender, outbox->messages[0].first);
  for (int i = 0; i < count; i++) write_message(udp, outbox, i);
  for (int done = 0; done < count;) {
    int n = sendmmsg(sender->fd, outbox->headers + done, (unsigned)(count - done), MSG_DONTWAIT);
    if (n > 0) {
      for (int end = done + n; done < end; done++) outbox->sent += outbox->messages[done].rows;
      continue;
    }
    int error = errno;
    if (error == EINTR) continue;
    if (error == EAGAIN || error == ENOBUFS) return false;
    const Message *message = &outbox->messages[done];
    bool apart = is_of_segments(message, error);
    if (!apart) {
      outbox->icmp += udp_drain_errors(udp, sender->fd);
      if (!send_alone(udp, sender, &outbox->headers[done].msg_hdr, &error)) return false;
      apart = is_of_segments(message, error);
    }
    if (apart) {
      if (error == EIO) sender->no_segment = true; /* the device computes no checksums */
      if (!send_apart(udp, sender, done)) return false;
    } else if (error) {
      failed(outbox, message->rows, error);
    } else {
      outbox->sent += message->rows;
    }
    done++;
  }
  return true;
}

/* Whether a datagram can be the next segment of the message that was gathered last. */
static bool joins(const Message *message, const Datagram *datagram) {
  return !message->closed && message->rows < SEGMENTS_MAX && datagram->length <= message->segment &&
         datagram->length > 0 && message->length + datagram->length <= MESSAGE_BYTES &&
         same_flow(message->first, datagram);
}

/* Sends the chain of datagrams that begins with `at`; what the socket does not take is left out. */
static void send_chain(Udp *udp, SendSocket *sender, int at) {
  Outbox *outbox = udp->outbox;
  bool may_segment = (udp->flags & UDP_OPEN_SEGMENT) && !sender->no_segment;
  for (; at >= 0; at = outbox->datagrams[at].next) {
    const Datagram *datagram = &outbox->datagrams[at];
    Message *last = outbox->message_count ? &outbox->messages[outbox->message_count - 1] : NULL;
    bool full = outbox->part_count + PART_MAX > PARTS;
    if (last && !full && may_segment && joins(last, datagram)) {
      last->closed = datagram->length < last->segment;
      sender->segmented = true;
    } else {
      const Datagram *first = outbox->messages[0].first;
      bool other = last && (first->dont_fragment != datagram->dont_fragment || first->no_check != datagram->no_check);
      if ((other || full || outbox->message_count == MESSAGES) && !flush(udp, sender)) return;
      last = &outbox->messages[outbox->message_count++];
      *last = (Message){.first = datagram, .part = outbox->part_count, .segment = datagram->length};
    }
    last->rows++;
    last->length += datagram->length;
    last->parts += datagram->part_count;
    memcpy(outbox->parts + outbox->part_count, datagram->parts, sizeof datagram->parts);
    outbox->part_count += datagram->part_count;
  }
  flush(udp, sender);
}

/* Sorts the first `count` datagrams by pool socket and sends them. */
static void send_sorted(Udp *udp, int count) {
  Outbox *outbox = udp->outbox;
  int first[POOL_MAX], last[POOL_MAX];
  memset(first, -1, sizeof first);
  for (int i = 0; i < count; i++) {
    Datagram *datagram = &outbox->datagrams[i];
    datagram->next = -1;
    SendSocket *sender = udp_pool_socket(udp, datagram->source_port);
    if (sender == NULL) {
      failed(outbox, 1, errno);
      continue;
    }
    int at = (int)(sender - udp->pool);
    if (first[at] < 0) first[at] = i;
    else outbox->datagrams[last[at]].next = i;
    last[at] = i;
  }
  for (int i = 0; i < udp->pool_size; i++) {
    outbox->message_count = 0;
    outbox->part_count = 0;
    if (first[i] >= 0) send_chain(udp, &udp->pool[i], first[i]);
  }
}

/*
 * udpSendBurst(fd, arena, list, start, count, off, len, altHeadOff, altHeadLen, altOff, altLen, report) -> frames taken
 *
 * Report: errno of the last frame that was refused, frames refused, notices that wait for udpNotices, errors that the
 * network reported about earlier datagrams.
 */
napi_value udp_send_burst(napi_env env, napi_callback_info info) {
  napi_value argv[12];
  int fd;
  Udp *udp;
  Bytes arena;
  Column list, report, columns[6];
  static const char *const names[6] = {"off", "len", "altHeadOff", "altHeadLen", "altOff", "altLen"};
  int64_t start, count;
  if (!args_read(env, info, 12, argv) || !(udp = arg_state(env, argv[0], OWNED_UDP, &fd)) ||
      !arg_bytes(env, argv[1], "arena", &arena) || !arg_column(env, argv[2], "list", &list) ||
      !arg_int(env, argv[3], "start", 0, INT32_MAX, &start) || !arg_int(env, argv[4], "count", 0, INT32_MAX, &count))
    return NULL;
  size_t rows = SIZE_MAX;
  for (int i = 0; i < 6; i++) {
    if (!arg_column(env, argv[5 + i], names[i], &columns[i])) return NULL;
    if (columns[i].count < rows) rows = columns[i].count;
  }
  if (!arg_column(env, argv[11], "report", &report)) return NULL;
  if ((size_t)(start + count) > list.count || report.count < REPORT_WORDS) {
    throw_range(env, "words %lld to %lld are outside the list, or the report is too short", (long long)start,
                (long long)(start + count));
    return NULL;
  }
  Outbox *outbox = udp->outbox;
  outbox->sent = outbox->refused = outbox->icmp = outbox->error = 0;
  int gathered = 0;
  for (int64_t at = start; at < start + count; at++) {
    uint32_t word = (uint32_t)list.at[at];
    uint32_t row = word & INDEX_MASK;
    int64_t offsets[2] = {0, 0}, lengths[2] = {0, 0};
    int parts = word & SHAPE_ALT ? 2 : 1;
    if (row < rows) {
      offsets[0] = columns[parts == 2 ? 2 : 0].at[row];
      lengths[0] = columns[parts == 2 ? 3 : 1].at[row];
      offsets[1] = parts == 2 ? columns[4].at[row] : 0;
      lengths[1] = parts == 2 ? columns[5].at[row] : 0;
    }
    if (row >= rows || !inside(&arena, offsets[0], lengths[0]) || !inside(&arena, offsets[1], lengths[1])) {
      throw_range(env, "list[%lld] names frame %u, which is outside the columns or the arena", (long long)at, row);
      return NULL;
    }
    struct iovec frame[2] = {{arena.at + offsets[0], (size_t)lengths[0]}, {arena.at + offsets[1], (size_t)lengths[1]}};
    if (take_apart(udp, frame, parts, &outbox->datagrams[gathered])) gathered++;
    else failed(outbox, 1, EINVAL);
    if (gathered < ROWS) continue;
    send_sorted(udp, gathered);
    gathered = 0;
  }
  send_sorted(udp, gathered);
  report.at[REPORT_ERRNO] = outbox->error;
  report.at[REPORT_FRAMES] = outbox->refused;
  report.at[REPORT_NOTICES] = udp->notice_count;
  report.at[REPORT_ICMP] = outbox->icmp;
  return make_int(env, outbox->sent);
}
