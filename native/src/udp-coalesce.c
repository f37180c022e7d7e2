#include "udp-coalesce.h"

#include "checksum.h"

#define VXLAN_BYTES 8
#define TCP_BYTES 20
#define TCP_CHECKSUM 16
#define UDP_CHECKSUM 6
#define TAG_BYTES 4
/* Where the IP header is at most: behind two tags. */
#define TAGGED_MAX (VXLAN_BYTES + ETHERNET_BYTES + 2 * TAG_BYTES)
#define TCP_ACK 0x10
#define TCP_PSH 0x08

#define NEEDS_CSUM 1
#define GSO_TCPV4 1
#define GSO_TCPV6 4
#define GSO_UDP_L4 5
/* The longest IP packet, and the longest inner one that VXLAN in it can carry. */
#define PACKET_BYTES 65535

static uint32_t be32(const uint8_t *at) { return (uint32_t)be16(at) << 16 | be16(at + 2); }

static uint32_t pseudo_sum(const uint8_t *ip, const Transport *at) {
  uint8_t words[4] = {0, at->protocol, (uint8_t)(at->covered >> 8), (uint8_t)at->covered};
  return fold_sum((uint64_t)sum_bytes(words, 4) + (at->version == 4 ? sum_bytes(ip + 12, 8) : sum_bytes(ip + 8, 32)));
}

static bool is_right(const uint8_t *datagram, const Transport *at) {
  uint64_t sum = (uint64_t)pseudo_sum(datagram + at->l3, at) + sum_bytes(datagram + at->l4, at->covered);
  return fold_sum(sum) == 0xffff;
}

bool udp_read_transport(const uint8_t *datagram, size_t length, Transport *out) {
  size_t l3 = VXLAN_BYTES + ETHERNET_BYTES;
  if (length < l3 + IPV4_BYTES) return false;
  while ((be16(datagram + l3 - 2) == 0x8100 || be16(datagram + l3 - 2) == 0x88a8) && l3 < TAGGED_MAX) l3 += TAG_BYTES;
  if (length < l3 + IPV4_BYTES + UDP_BYTES) return false;
  const uint8_t *ip = datagram + l3;
  *out = (Transport){.l3 = l3};
  size_t packet;
  if (be16(ip - 2) == 0x0800 && ip[0] >> 4 == 4) {
    out->version = 4;
    out->protocol = ip[9];
    out->l4 = l3 + (size_t)(ip[0] & 15) * 4;
    packet = be16(ip + 2);
    if ((be16(ip + 6) & 0x3fff) != 0 || out->l4 < l3 + IPV4_BYTES) return false; /* a fragment */
  } else if (be16(ip - 2) == 0x86dd && ip[0] >> 4 == 6 && length >= l3 + IPV6_BYTES + UDP_BYTES) {
    out->version = 6;
    out->protocol = ip[6];
    out->l4 = l3 + IPV6_BYTES;
    packet = IPV6_BYTES + be16(ip + 4);
  } else {
    return false;
  }
  size_t least = out->protocol == IPPROTO_TCP ? TCP_BYTES : UDP_BYTES;
  if (out->protocol != IPPROTO_TCP && out->protocol != IPPROTO_UDP) return false;
  if (packet > length - l3 || l3 + packet < out->l4 + least) return false;
  out->packet = packet;
  out->covered = l3 + packet - out->l4;
  out->field = out->l4 + (out->protocol == IPPROTO_TCP ? TCP_CHECKSUM : UDP_CHECKSUM);
  uint16_t found;
  memcpy(&found, datagram + out->field, sizeof found);
  /* One right checksum in 65,536 looks like that as well. */
  out->partial = found == pseudo_sum(ip, out) && found != 0 && !is_right(datagram, out);
  return true;
}

bool udp_read_segment(const uint8_t *datagram, size_t length, const Transport *at, int allowed, Segment *out) {
  const uint8_t *ip = datagram + at->l3;
  const uint8_t *tcp = datagram + at->l4;
  if (at->protocol != IPPROTO_TCP || at->l3 != VXLAN_BYTES + ETHERNET_BYTES || at->l4 + at->covered != length) return false;
  if (!(allowed & (at->version == 4 ? COALESCE_TCP4 : COALESCE_TCP6))) return false;
  /* No options in IPv4, and its own checksum right. */
  if (at->version == 4 && ((be16(ip + 6) & 0xbfff) != 0 || at->l4 != at->l3 + IPV4_BYTES || sum_bytes(ip, IPV4_BYTES) != 0xffff))
    return false;
  size_t tcp_bytes = (size_t)(tcp[12] >> 4) * 4;
  if (tcp_bytes < TCP_BYTES || tcp_bytes >= at->covered || (tcp[13] & ~TCP_PSH) != TCP_ACK || (tcp[12] & 0x0f) != 0 ||
      be16(tcp + 18) != 0)
    return false;
  *out = (Segment){.at = *at,
                   .payload = at->l4 + tcp_bytes,
                   .length = length,
                   .sequence = be32(tcp + 4),
                   .pushes = (tcp[13] & TCP_PSH) != 0};
  return at->partial || is_right(datagram, at);
}

static uint32_t gso_type(const Transport *at) {
  return at->protocol == IPPROTO_UDP ? GSO_UDP_L4 : at->version == 4 ? GSO_TCPV4 : GSO_TCPV6;
}

void udp_partial_words(const uint8_t *datagram, const Transport *at, size_t outer, size_t mtu, size_t mss, uint32_t *gso,
                       uint32_t *csum) {
  *gso = NEEDS_CSUM;
  *csum = (uint32_t)(outer + at->l4) | (uint32_t)(at->field - at->l4) << 16;
  if (at->packet <= mtu) return;
  size_t head = at->l4 - at->l3 + (at->protocol == IPPROTO_TCP ? (size_t)(datagram[at->l4 + 12] >> 4) * 4 : UDP_BYTES);
  if (mss == 0 && at->protocol == IPPROTO_TCP && mtu > head) mss = mtu - head;
  if (mss > 0 && mss <= UINT16_MAX) *gso |= gso_type(at) << 8 | (uint32_t)mss << 16;
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
  size_t l3 = at->at.l3, l4 = at->at.l4;
  const uint8_t *ip_a = a + l3, *ip_b = b + l3, *tcp_a = a + l4, *tcp_b = b + l4;
  if (memcmp(a, b, l3) != 0) return false;
  if (at->at.version == 4) {
    if (memcmp(ip_a, ip_b, 2) != 0 || memcmp(ip_a + 6, ip_b + 6, 4) != 0 || memcmp(ip_a + 12, ip_b + 12, 8) != 0) return false;
  } else if (memcmp(ip_a, ip_b, 4) != 0 || memcmp(ip_a + 6, ip_b + 6, 34) != 0) {
    return false;
  }
  return memcmp(tcp_a, tcp_b, 4) == 0 && memcmp(tcp_a + 8, tcp_b + 8, 5) == 0 && memcmp(tcp_a + 14, tcp_b + 14, 2) == 0 &&
         memcmp(tcp_a + 18, tcp_b + 18, at->payload - l4 - 18) == 0;
}

bool udp_merge_add(Merge *merge, const uint8_t *datagram, const Segment *segment) {
  const Segment *first = &merge->first;
  const uint8_t *head = merge->frame + merge->outer;
  size_t bytes = segment->length - segment->payload;
  if (merge->closed || segment->at.version != first->at.version ||
      segment->at.l4 != first->at.l4 ||
      segment->payload != first->payload || segment->sequence != merge->next_sequence || bytes > merge->mss ||
      merge->length + bytes > merge->room || !alike(head, datagram, first))
    return false;
  size_t ident = first->at.l3 + 4;
  if (first->at.version == 4 && be16(datagram + ident) != (uint16_t)(be16(head + ident) + merge->count)) return false;
  memcpy(merge->frame + merge->length, datagram + segment->payload, bytes);
  merge->length += bytes;
  merge->next_sequence += (uint32_t)bytes;
  merge->count++;
  merge->closed = bytes < merge->mss || segment->pushes;
  if (segment->pushes) merge->frame[merge->outer + first->at.l4 + 13] |= TCP_PSH;
  return true;
}

void udp_merge_end(Merge *merge, uint32_t *gso, uint32_t *csum) {
  const Segment *first = &merge->first;
  Transport at = first->at;
  uint8_t *frame = merge->frame;
  merge->frame = NULL;
  *gso = *csum = 0;
  const uint8_t *datagram = frame + merge->outer;
  if (merge->count == 1) {
    if (at.partial) udp_partial_words(datagram, &at, merge->outer, at.packet, 0, gso, csum);
    return;
  }
  uint8_t *outer_ip = frame + ETHERNET_BYTES;
  uint8_t *ip = frame + merge->outer + at.l3;
  at.covered = merge->length - merge->outer - at.l4;
  at.packet = at.covered + at.l4 - at.l3;
  if (outer_ip[0] >> 4 == 4) {
    put_be16(outer_ip + 2, (uint32_t)(merge->length - ETHERNET_BYTES));
    write_ipv4_checksum(outer_ip, IPV4_BYTES);
  } else {
    put_be16(outer_ip + 4, (uint32_t)(merge->length - ETHERNET_BYTES - IPV6_BYTES));
  }
  put_be16(frame + merge->outer - UDP_BYTES + 4, (uint32_t)(merge->length - merge->outer + UDP_BYTES));
  if (at.version == 4) {
    put_be16(ip + 2, (uint32_t)(at.covered + IPV4_BYTES));
    write_ipv4_checksum(ip, IPV4_BYTES);
  } else {
    put_be16(ip + 4, (uint32_t)at.covered);
  }
  put_sum(frame + merge->outer + at.field, pseudo_sum(ip, &at));
  udp_partial_words(datagram, &at, merge->outer, 0, merge->mss, gso, csum);
}
