/*
 * Super-frames inside a tunnel: cut into segments in front of the kernel.
 *
 * The kernel cuts UDP datagrams (UDP_SEGMENT), but knows nothing of TCP inside them. So every segment gets a copy of
 * the inner headers with its own lengths, sequence number, identification and checksum; the payload stays where it
 * is and is only read for the checksum. All segments but the last are equally long, which is what UDP_SEGMENT takes.
 *
 *   frame:  | outer | VXLAN 8 | Ethernet [tags] | IP | TCP or UDP | payload .................... |
 *                     \________ head of every segment __________/   mss | mss | mss | ... | rest
 *                                                      ^ csum start (from the frame's first byte)
 */
#include "checksum.h"
#include "udp-outbox.h"

#define VXLAN_BYTES 8
#define TCP_BYTES 20
#define TAG_BYTES 4

#define NEEDS_CSUM 1
#define GSO_NONE 0
#define GSO_TCPV4 1
#define GSO_TCPV6 4
#define GSO_UDP_L4 5
#define GSO_ECN 0x80

#define TCP_FIN 0x01
#define TCP_PSH 0x08
#define TCP_CWR 0x80

size_t udp_gather(const struct iovec *frame, int parts, size_t skip, uint8_t *out, size_t wanted) {
  size_t have = 0;
  for (int i = 0; i < parts && have < wanted; i++) {
    size_t off = frame[i].iov_len < skip ? frame[i].iov_len : skip;
    skip -= off;
    size_t bytes = frame[i].iov_len - off < wanted - have ? frame[i].iov_len - off : wanted - have;
    if (bytes == 0) continue; /* an empty part has no place */
    memcpy(out + have, (const uint8_t *)frame[i].iov_base + off, bytes);
    have += bytes;
  }
  return have;
}

/* Adds [skip, skip + length) of the frame to the datagram's parts and returns its sum, as if it began at an even place. */
static uint32_t add_range(Datagram *datagram, const struct iovec *frame, int parts, size_t skip, size_t length, bool sum) {
  uint64_t total = 0;
  size_t done = 0;
  for (int i = 0; i < parts && done < length; i++) {
    size_t off = frame[i].iov_len < skip ? frame[i].iov_len : skip;
    skip -= off;
    size_t bytes = frame[i].iov_len - off < length - done ? frame[i].iov_len - off : length - done;
    if (bytes == 0) continue;
    uint8_t *at = (uint8_t *)frame[i].iov_base + off;
    if (sum) total += done & 1 ? odd_sum(sum_bytes(at, bytes)) : sum_bytes(at, bytes);
    datagram->parts[datagram->part_count++] = (struct iovec){at, bytes};
    done += bytes;
  }
  datagram->length += length;
  return fold_sum(total);
}

static Datagram *add_datagram(Outbox *outbox, const Flow *flow) {
  Datagram *datagram = &outbox->datagrams[outbox->datagram_count++];
  *datagram = (Datagram){.flow = flow};
  return datagram;
}

static Datagram *add_with_head(Outbox *outbox, const Flow *flow, const uint8_t *head, size_t bytes) {
  Datagram *datagram = add_datagram(outbox, flow);
  uint8_t *own = outbox->heads[datagram - outbox->datagrams];
  memcpy(own, head, bytes);
  datagram->parts[datagram->part_count++] = (struct iovec){own, bytes};
  datagram->length = bytes;
  return datagram;
}

/* Where the inner IP header is in a head that begins with the VXLAN header, or 0. */
static size_t find_ip(const uint8_t *head, size_t end, int version) {
  size_t at = VXLAN_BYTES + 12;
  while (at + TAG_BYTES < end && (be16(head + at) == 0x8100 || be16(head + at) == 0x88a8)) at += TAG_BYTES;
  if (at + 2 + IPV4_BYTES > end || be16(head + at) != (version == 4 ? 0x0800 : 0x86dd)) return 0;
  at += 2;
  size_t fixed = version == 4 ? (size_t)(head[at] & 15) * 4 : IPV6_BYTES;
  return head[at] >> 4 == version && fixed >= IPV4_BYTES && at + fixed <= end ? at : 0;
}

/* The sum of the pseudo header without the length. */
static uint64_t pseudo_sum(const uint8_t *ip, int version, uint8_t protocol) {
  uint8_t word[2] = {0, protocol};
  return (uint64_t)sum_bytes(word, 2) + (version == 4 ? sum_bytes(ip + 12, 8) : sum_bytes(ip + 8, 32));
}

static uint32_t length_sum(size_t length) {
  uint8_t word[2] = {(uint8_t)(length >> 8), (uint8_t)length};
  return sum_bytes(word, 2);
}

/* One frame, with the checksum that is missing in it. */
static bool complete(Outbox *outbox, const struct iovec *frame, int parts, size_t outer, size_t total, uint32_t csum,
                     const Flow *flow) {
  size_t start = csum & 0xffff;
  size_t field = start + (csum >> 16);
  uint8_t head[HEAD_BYTES];
  size_t bytes = field + 2 - outer;
  if (start < outer || field + 2 > total || bytes > HEAD_BYTES) return false;
  udp_gather(frame, parts, outer, head, bytes);
  Datagram *datagram = add_with_head(outbox, flow, head, bytes);
  uint8_t *own = datagram->parts[0].iov_base;
  uint32_t rest = add_range(datagram, frame, parts, outer + bytes, total - outer - bytes, true);
  size_t covered = outer + bytes - start;
  uint64_t sum = (uint64_t)sum_bytes(own + (start - outer), covered) + (covered & 1 ? odd_sum(rest) : rest);
  uint32_t value = ~fold_sum(sum) & 0xffff;
  put_sum(own + (field - outer), value ? value : 0xffff);
  datagram->ends_row = true;
  return true;
}

bool udp_cut(Outbox *outbox, const struct iovec *frame, int parts, size_t outer, uint32_t gso, uint32_t csum,
             const Flow *flow, bool *full) {
  size_t total = 0;
  for (int i = 0; i < parts; i++) total += frame[i].iov_len;
  int type = gso >> 8 & 0xff & ~GSO_ECN;
  size_t mss = gso >> 16;
  if (outbox->datagram_count == DATAGRAMS) {
    *full = true;
    return false;
  }
  if (type == GSO_NONE) {
    if (gso & NEEDS_CSUM) return complete(outbox, frame, parts, outer, total, csum, flow);
    Datagram *datagram = add_datagram(outbox, flow);
    add_range(datagram, frame, parts, outer, total - outer, false);
    datagram->ends_row = true;
    return true;
  }

  bool tcp = type == GSO_TCPV4 || type == GSO_TCPV6;
  if ((!tcp && type != GSO_UDP_L4) || mss == 0) return false;
  uint8_t head[HEAD_BYTES];
  size_t have = udp_gather(frame, parts, outer, head, sizeof head);
  size_t l4 = (csum & 0xffff) - outer;
  size_t l4_least = tcp ? TCP_BYTES : UDP_BYTES;
  if ((csum & 0xffff) < outer || l4 + l4_least > have) return false;
  size_t l4_bytes = tcp ? (size_t)(head[l4 + 12] >> 4) * 4 : UDP_BYTES;
  size_t head_bytes = l4 + l4_bytes;
  int version = type == GSO_TCPV4 ? 4 : type == GSO_TCPV6 ? 6 : find_ip(head, l4, 4) ? 4 : 6;
  size_t l3 = find_ip(head, l4, version);
  if (l3 == 0 || l4_bytes < l4_least || head_bytes > have || outer + head_bytes >= total) return false;
  size_t payload = total - outer - head_bytes;
  size_t count = (payload + mss - 1) / mss;
  if (count > DATAGRAMS) return false;
  if (outbox->datagram_count + count > DATAGRAMS) {
    *full = true;
    return false;
  }

  uint8_t flags = tcp ? head[l4 + 13] : 0;
  uint32_t sequence = (uint32_t)be16(head + l4 + 4) << 16 | be16(head + l4 + 6);
  uint32_t identification = be16(head + l3 + 4);
  size_t field = l4 + (tcp ? 16 : 6);
  put_sum(head + field, 0);
  uint64_t pseudo = pseudo_sum(head + l3, version, tcp ? IPPROTO_TCP : IPPROTO_UDP);
  for (size_t i = 0; i < count; i++) {
    size_t bytes = i + 1 < count ? mss : payload - i * mss;
    Datagram *datagram = add_with_head(outbox, flow, head, head_bytes);
    uint8_t *own = datagram->parts[0].iov_base;
    uint8_t *segment = own + l4;
    if (version == 4) {
      put_be16(own + l3 + 2, (uint32_t)(head_bytes - l3 + bytes));
      put_be16(own + l3 + 4, identification + (uint32_t)i);
      write_ipv4_checksum(own + l3, (size_t)(own[l3] & 15) * 4);
    } else {
      put_be16(own + l3 + 4, (uint32_t)(head_bytes - l3 - IPV6_BYTES + bytes));
    }
    if (tcp) {
      uint32_t at = sequence + (uint32_t)(i * mss);
      put_be16(segment + 4, at >> 16);
      put_be16(segment + 6, at & 0xffff);
      segment[13] = (uint8_t)(flags & (i + 1 < count ? ~(TCP_FIN | TCP_PSH) : 0xff) & (i > 0 ? ~TCP_CWR : 0xff));
    } else {
      put_be16(segment + 4, (uint32_t)(UDP_BYTES + bytes));
    }
    uint32_t rest = add_range(datagram, frame, parts, outer + head_bytes + i * mss, bytes, true);
    uint64_t sum = pseudo + length_sum(l4_bytes + bytes) + sum_bytes(segment, l4_bytes) + rest;
    uint32_t value = ~fold_sum(sum) & 0xffff;
    put_sum(own + field, value ? value : 0xffff);
  }
  outbox->datagrams[outbox->datagram_count - 1].ends_row = true;
  return true;
}
