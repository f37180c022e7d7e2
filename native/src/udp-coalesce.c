#include "udp-coalesce.h"

#include "checksum.h"

#define VXLAN_BYTES 8
#define TCP_BYTES 20
#define TCP_CHECKSUM 16
#define TCP_ACK 0x10
#define TCP_PSH 0x08

#define NEEDS_CSUM 1
#define GSO_TCPV4 1
#define GSO_TCPV6 4
/* The longest IP packet, and the longest inner one that VXLAN in it can carry. */
#define PACKET_BYTES 65535

static uint32_t be32(const uint8_t *at) { return (uint32_t)be16(at) << 16 | be16(at + 2); }

static uint64_t pseudo_sum(const uint8_t *ip, int version, size_t length) {
  uint8_t words[4] = {0, IPPROTO_TCP, (uint8_t)(length >> 8), (uint8_t)length};
  return (uint64_t)sum_bytes(words, 4) + (version == 4 ? sum_bytes(ip + 12, 8) : sum_bytes(ip + 8, 32));
}

bool udp_read_segment(const uint8_t *datagram, size_t length, int allowed, Segment *out) {
  size_t l3 = VXLAN_BYTES + ETHERNET_BYTES;
  if (length < l3 + IPV4_BYTES + TCP_BYTES) return false;
  const uint8_t *ip = datagram + l3;
  uint16_t type = be16(ip - 2);
  size_t ip_bytes;
  if (type == 0x0800 && (allowed & COALESCE_TCP4)) {
    /* No options, no fragment (DF may be set), and nothing behind the packet. */
    if (ip[0] != 0x45 || ip[9] != IPPROTO_TCP || (be16(ip + 6) & 0xbfff) != 0 || be16(ip + 2) != length - l3) return false;
    if (sum_bytes(ip, IPV4_BYTES) != 0xffff) return false;
    ip_bytes = IPV4_BYTES;
  } else if (type == 0x86dd && (allowed & COALESCE_TCP6)) {
    if (length < l3 + IPV6_BYTES + TCP_BYTES || ip[0] >> 4 != 6 || ip[6] != IPPROTO_TCP ||
        be16(ip + 4) != length - l3 - IPV6_BYTES)
      return false;
    ip_bytes = IPV6_BYTES;
  } else {
    return false;
  }
  const uint8_t *tcp = ip + ip_bytes;
  size_t tcp_bytes = (size_t)(tcp[12] >> 4) * 4;
  size_t covered = length - l3 - ip_bytes;
  if (tcp_bytes < TCP_BYTES || tcp_bytes >= covered || (tcp[13] & ~TCP_PSH) != TCP_ACK || (tcp[12] & 0x0f) != 0 ||
      be16(tcp + 18) != 0)
    return false;
  *out = (Segment){.version = type == 0x0800 ? 4 : 6,
                   .l3 = l3,
                   .l4 = l3 + ip_bytes,
                   .payload = l3 + ip_bytes + tcp_bytes,
                   .length = length,
                   .sequence = be32(tcp + 4),
                   .pushes = (tcp[13] & TCP_PSH) != 0};
  return fold_sum(pseudo_sum(ip, out->version, covered) + sum_bytes(tcp, covered)) == 0xffff;
}

void udp_merge_begin(Merge *merge, uint8_t *frame, size_t outer, size_t room, const Segment *first) {
  size_t most = ETHERNET_BYTES + PACKET_BYTES;
  *merge = (Merge){.frame = frame,
                   .outer = outer,
                   .length = outer + first->length,
                   .room = room < most ? room : most,
                   .first = *first,
                   .mss = first->length - first->payload,
                   .next_sequence = first->sequence + (uint32_t)(first->length - first->payload),
                   .count = 1,
                   .closed = first->pushes};
}

/* Headers that segments of one super-frame have alike: all but lengths, checksums, identification, sequence, PSH. */
static bool alike(const uint8_t *a, const uint8_t *b, const Segment *at) {
  const uint8_t *ip_a = a + at->l3, *ip_b = b + at->l3, *tcp_a = a + at->l4, *tcp_b = b + at->l4;
  if (memcmp(a, b, at->l3) != 0) return false;
  if (at->version == 4) {
    if (memcmp(ip_a, ip_b, 2) != 0 || memcmp(ip_a + 6, ip_b + 6, 4) != 0 || memcmp(ip_a + 12, ip_b + 12, 8) != 0) return false;
  } else if (memcmp(ip_a, ip_b, 4) != 0 || memcmp(ip_a + 6, ip_b + 6, 34) != 0) {
    return false;
  }
  return memcmp(tcp_a, tcp_b, 4) == 0 && memcmp(tcp_a + 8, tcp_b + 8, 5) == 0 && memcmp(tcp_a + 14, tcp_b + 14, 2) == 0 &&
         memcmp(tcp_a + 18, tcp_b + 18, at->payload - at->l4 - 18) == 0;
}

bool udp_merge_add(Merge *merge, const uint8_t *datagram, const Segment *segment) {
  const Segment *first = &merge->first;
  const uint8_t *head = merge->frame + merge->outer;
  size_t bytes = segment->length - segment->payload;
  if (merge->closed || segment->version != first->version || segment->l4 != first->l4 ||
      segment->payload != first->payload || segment->sequence != merge->next_sequence || bytes > merge->mss ||
      merge->length + bytes > merge->room || !alike(head, datagram, first))
    return false;
  if (first->version == 4 &&
      be16(datagram + first->l3 + 4) != (uint16_t)(be16(head + first->l3 + 4) + merge->count))
    return false;
  memcpy(merge->frame + merge->length, datagram + segment->payload, bytes);
  merge->length += bytes;
  merge->next_sequence += (uint32_t)bytes;
  merge->count++;
  merge->closed = bytes < merge->mss || segment->pushes;
  if (segment->pushes) merge->frame[merge->outer + first->l4 + 13] |= TCP_PSH;
  return true;
}

void udp_merge_end(Merge *merge, uint32_t *gso, uint32_t *csum) {
  const Segment *first = &merge->first;
  uint8_t *frame = merge->frame;
  merge->frame = NULL;
  *gso = *csum = 0;
  if (merge->count == 1) return;
  uint8_t *outer_ip = frame + ETHERNET_BYTES;
  uint8_t *ip = frame + merge->outer + first->l3;
  size_t covered = merge->length - merge->outer - first->l4;
  if (outer_ip[0] >> 4 == 4) {
    put_be16(outer_ip + 2, (uint32_t)(merge->length - ETHERNET_BYTES));
    write_ipv4_checksum(outer_ip, IPV4_BYTES);
  } else {
    put_be16(outer_ip + 4, (uint32_t)(merge->length - ETHERNET_BYTES - IPV6_BYTES));
  }
  put_be16(frame + merge->outer - UDP_BYTES + 4, (uint32_t)(merge->length - merge->outer + UDP_BYTES));
  if (first->version == 4) {
    put_be16(ip + 2, (uint32_t)(covered + IPV4_BYTES));
    write_ipv4_checksum(ip, IPV4_BYTES);
  } else {
    put_be16(ip + 4, (uint32_t)covered);
  }
  put_sum(frame + merge->outer + first->l4 + TCP_CHECKSUM, fold_sum(pseudo_sum(ip, first->version, covered)));
  *gso = NEEDS_CSUM | (first->version == 4 ? GSO_TCPV4 : GSO_TCPV6) << 8 | (uint32_t)merge->mss << 16;
  *csum = (uint32_t)(merge->outer + first->l4) | TCP_CHECKSUM << 16;
}
