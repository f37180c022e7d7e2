/*
 * From datagrams of one pool socket to system calls.
 *
 * Neighbouring datagrams of one flow that have the same length, the last may be shorter, become one message with
 * UDP_SEGMENT, which the kernel cuts apart as late as it can. Where it refuses (no checksum offload, segments longer
 * than the path takes), they are sent one by one.
 */
#include "udp-outbox.h"

#include <errno.h>
#include <netinet/udp.h>
#include <string.h>

static bool same_flow(const Flow *a, const Flow *b) {
  return a == b ||
         (a->source_port == b->source_port && a->port == b->port && a->tos == b->tos && a->ttl == b->ttl &&
          a->dont_fragment == b->dont_fragment && memcmp(a->destination, b->destination, 16) == 0 &&
          memcmp(a->source, b->source, 16) == 0);
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
  const Flow *first = message->first->flow;
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
  memset(outbox->control[index], 0, MESSAGE_CONTROL_BYTES);
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
  for (int i = 0; i < message->datagrams; i++) {
    struct iovec parts[PART_MAX];
    memcpy(parts, datagram->parts, sizeof parts);
    header.msg_iov = parts;
    header.msg_iovlen = (size_t)datagram->part_count;
    int error;
    if (!send_alone(udp, sender, &header, &error)) return false;
    if (datagram->ends_row && error) failed(outbox, 1, error);
    else outbox->sent += datagram->ends_row;
    datagram = &outbox->datagrams[datagram->next < 0 ? 0 : datagram->next];
  }
  return true;
}

/* Sets what is the socket's and not the message's, as all messages that are gathered want it. */
static void set_up(const Udp *udp, SendSocket *sender, const Flow *first) {
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
  set_up(udp, sender, outbox->messages[0].first->flow);
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
  return !message->closed && message->datagrams < SEGMENTS_MAX && datagram->length <= message->segment &&
         datagram->length > 0 && message->length + datagram->length <= MESSAGE_BYTES &&
         same_flow(message->first->flow, datagram->flow);
}

void udp_send_chain(Udp *udp, SendSocket *sender, int at) {
  Outbox *outbox = udp->outbox;
  bool may_segment = (udp->flags & UDP_OPEN_SEGMENT) && !sender->no_segment;
  outbox->message_count = 0;
  outbox->part_count = 0;
  for (; at >= 0; at = outbox->datagrams[at].next) {
    const Datagram *datagram = &outbox->datagrams[at];
    const Flow *flow = datagram->flow;
    Message *last = outbox->message_count ? &outbox->messages[outbox->message_count - 1] : NULL;
    bool full = outbox->part_count + PART_MAX > PARTS;
    if (last && !full && may_segment && joins(last, datagram)) {
      last->closed = datagram->length < last->segment;
      sender->segmented = true;
    } else {
      const Flow *first = last ? outbox->messages[0].first->flow : flow;
      bool other = first->dont_fragment != flow->dont_fragment || first->no_check != flow->no_check;
      if ((other || full || outbox->message_count == MESSAGES) && !flush(udp, sender)) return;
      last = &outbox->messages[outbox->message_count++];
      *last = (Message){.first = datagram, .part = outbox->part_count, .segment = datagram->length};
    }
    last->datagrams++;
    last->rows += datagram->ends_row;
    last->length += datagram->length;
    last->parts += datagram->part_count;
    memcpy(outbox->parts + outbox->part_count, datagram->parts, sizeof datagram->parts);
    outbox->part_count += datagram->part_count;
  }
  flush(udp, sender);
}
