/*
 * The Internet checksum (RFC 1071) over bytes in memory order: sums are folded to 16 bits as the machine reads them, so
 * that storing one as it is gives network order.
 */
#ifndef ETHERLOOM_CHECKSUM_H
#define ETHERLOOM_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint32_t fold_sum(uint64_t sum) {
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return (uint32_t)sum;
}

/* Sixteen bytes as two numbers; GCC and Clang make of them what vectors the processor has, on any processor. */
typedef uint64_t Lanes __attribute__((vector_size(16)));

static inline Lanes lanes_at(const uint8_t *at) {
  Lanes lanes;
  memcpy(&lanes, at, sizeof lanes);
  return lanes;
}

/*
 * Sum of `length` bytes that begin at an even place, 0 to 0xffff; 0 when all bytes are. Words of 32 bits are added in 64, so that
 * there are no carries to look after up to 16 GB.
 */
static inline uint32_t sum_bytes(const uint8_t *at, size_t length) {
  const Lanes low = {0xffffffff, 0xffffffff};
  Lanes a = {0}, b = {0}, c = {0}, d = {0};
  for (; length >= 32; at += 32, length -= 32) {
    Lanes first = lanes_at(at), second = lanes_at(at + 16);
    a += first & low;
    b += first >> 32;
    c += second & low;
    d += second >> 32;
  }
  a += b + c + d;
  uint64_t sum = a[0] + a[1];
  for (; length >= 4; at += 4, length -= 4) {
    uint32_t word;
    memcpy(&word, at, sizeof word);
    sum += word;
  }
  uint32_t rest = 0;
  memcpy(&rest, at, length);
  return fold_sum(sum + rest);
}

/* The sum of a piece that begins at an odd place of what is summed. */
static inline uint32_t odd_sum(uint32_t sum) { return (sum >> 8 | sum << 8) & 0xffff; }

static inline void put_sum(uint8_t *at, uint32_t sum) {
  uint16_t value = (uint16_t)sum;
  memcpy(at, &value, sizeof value);
}

/* The IPv4 header's own checksum, written anew. */
static inline void write_ipv4_checksum(uint8_t *ip, size_t bytes) {
  put_sum(ip + 10, 0);
  put_sum(ip + 10, ~sum_bytes(ip, bytes) & 0xffff);
}

#endif
