/* See unfinished.h. */
#include "unfinished.h"

#include <string.h>

#define TAG_BYTES 4
#define ETHERNET_BYTES 14
#define UDP_BYTES 8
#define VXLAN_BYTES 8
#define TYPE_IPV4 0x0800
#define TYPE_IPV6 0x86dd
#define PROTO_TCP 6
#define PROTO_UDP 17
/* IANA's, and Linux's from before there was one. */
#define PORT_VXLAN 4789
#define PORT_VXLAN_OLD 8472
#define MAX_EXTENSIONS 8

static inline uint32_t be16(const uint8_t *at) { return (uint32_t)at[0] << 8 | at[1]; }

/* The packet of an Ethernet frame: where its upper header is, and the folded sum of its pseudo header. */
typedef struct {
  size_t upper;
  uint32_t protocol;
  uint32_t pseudo;
  /* A whole packet, no fragment. */
  bool whole;
} Packet;

static uint32_t sum_of(const uint8_t *at, size_t bytes) {
  uint32_t sum = 0;
  for (size_t i = 0; i + 1 < bytes; i += 2) sum += be16(at + i);
  return sum;
}

static uint32_t fold(uint32_t sum) {
  sum = (sum & 0xffff) + (sum >> 16);
  return (sum & 0xffff) + (sum >> 16);
}

static void read_ipv4(const uint8_t *frame, size_t ip, size_t length, Packet *out) {
  if (ip + 20 > length) return;
  size_t header = (size_t)(frame[ip] & 15) * 4, total = be16(frame + ip + 2);
  if (header < 20 || total < header || ip + total > length || (be16(frame + ip + 6) & 0x3fff)) return;
  out->upper = ip + header;
  out->protocol = frame[ip + 9];
  out->pseudo = fold(sum_of(frame + ip + 12, 8) + out->protocol + (uint32_t)(total - header));
  out->whole = true;
}

static bool is_extension(uint32_t next) { return next == 0 || next == 43 || next == 60; }

static void read_ipv6(const uint8_t *frame, size_t ip, size_t length, Packet *out) {
  if (ip + 40 > length) return;
  size_t end = ip + 40 + be16(frame + ip + 4), at = ip + 40;
  uint32_t next = frame[ip + 6];
  if (end > length) return;
  for (int n = 0; is_extension(next); n++) {
    if (n == MAX_EXTENSIONS || at + 8 > end) return;
    next = frame[at];
    at += (size_t)(frame[at + 1] + 1) * 8;
  }
  if (at > end) return;
  out->upper = at;
  out->protocol = next;
  out->pseudo = fold(sum_of(frame + ip + 8, 32) + next + (uint32_t)(end - at));
  out->whole = true;
}

/* The packet of the Ethernet frame that begins at `at`. */
static Packet read_packet(const uint8_t *frame, size_t at, size_t length) {
  Packet packet = {0};
  at += ETHERNET_BYTES - 2;
  while (at + TAG_BYTES + 2 <= length && (be16(frame + at) == 0x8100 || be16(frame + at) == 0x88a8)) at += TAG_BYTES;
  if (at + 2 > length) return packet;
  if (be16(frame + at) == TYPE_IPV4) read_ipv4(frame, at + 2, length, &packet);
  else if (be16(frame + at) == TYPE_IPV6) read_ipv6(frame, at + 2, length, &packet);
  return packet;
}

bool is_in_tunnel(const uint8_t *frame, size_t length, uint32_t start) {
  Packet packet = read_packet(frame, 0, length);
  return packet.whole && packet.upper != start;
}

/* Where the checksum field is inside the upper header; 0: not one that a sender leaves unfinished. */
static size_t checksum_field(uint32_t protocol) {
  return protocol == PROTO_TCP ? 16 : protocol == PROTO_UDP ? 6 : 0;
}

static bool is_unfinished(const uint8_t *frame, size_t length, const Packet *packet, uint8_t *header) {
  size_t field = packet->whole ? checksum_field(packet->protocol) : 0;
  if (field == 0 || packet->upper + field + 2 > length) return false;
  if (packet->pseudo != be16(frame + packet->upper + field)) return false;
  header[0] = NEEDS_CSUM;
  put_le16(header + 6, (uint32_t)packet->upper);
  put_le16(header + 8, (uint32_t)field);
  return true;
}

static bool is_vxlan(const uint8_t *frame, size_t length, const Packet *packet) {
  if (!packet->whole || packet->protocol != PROTO_UDP || packet->upper + UDP_BYTES > length) return false;
  uint32_t port = be16(frame + packet->upper + 2);
  return port == PORT_VXLAN || port == PORT_VXLAN_OLD;
}

bool find_unfinished(const uint8_t *frame, size_t length, uint8_t *header) {
  memset(header, 0, VNET_HDR_BYTES);
  Packet outer = read_packet(frame, 0, length);
  /* Inside first: there both checksums may be open, and the outer one follows from the inner. */
  if (is_vxlan(frame, length, &outer)) {
    Packet inner = read_packet(frame, outer.upper + UDP_BYTES + VXLAN_BYTES, length);
    if (is_unfinished(frame, length, &inner, header)) return true;
  }
  is_unfinished(frame, length, &outer, header);
  return false;
}
