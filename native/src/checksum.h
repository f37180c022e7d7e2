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

/* Sum of `length` bytes that begin at an even place, 0 to 0xffff. Eight bytes an addition, the carries counted apart. */
static inline uint32_t sum_bytes(const uint8_t *at, size_t length) {
  uint64_t sum = 0, carries = 0;
  for (; length >= 32; at += 32, length -= 32) {
    uint64_t words[4];
    memcpy(words, at, sizeof words);
    for (int i = 0; i < 4; i++) {
      sum += words[i];
      carries += sum < words[i];
    }
  }
  for (; length >= 4; at += 4, length -= 4) {
    uint32_t word;
    memcpy(&word, at, sizeof word);
    sum += word;
    carries += sum < word;
  }
  uint32_t rest = 0;
  memcpy(&rest, at, length);
  sum += rest;
  carries += sum < rest;
  return fold_sum((sum & 0xffffffff) + (sum >> 32) + carries);
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
