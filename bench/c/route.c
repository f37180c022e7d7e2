#include "route.h"

#include <string.h>

enum { WINDOW = 32, GROUP = 3, GENERATED = 1 << 4, ETHERNET = 14, SHORTEST = 38, UDP = 17, TCP = 6 };

static inline uint16_t be16(const uint8_t *p) {
  uint16_t v;
  memcpy(&v, p, 2);
  return __builtin_bswap16(v);
}

static inline uint32_t be32(const uint8_t *p) {
  uint32_t v;
  memcpy(&v, p, 4);
  return __builtin_bswap32(v);
}

static inline void put32(uint8_t *p, uint32_t v) {
  v = __builtin_bswap32(v);
  memcpy(p, &v, 4);
}

/* As the compiler makes it without a flag for the processor's own instruction: what JavaScript has, too. */
static inline uint32_t bits_of(uint32_t v) {
  v -= (v >> 1) & 0x55555555;
  v = (v & 0x33333333) + ((v >> 2) & 0x33333333);
  return ((v + (v >> 4)) & 0x0f0f0f0f) * 0x01010101u >> 24;
}

static inline int32_t in_page(const Router *r, int32_t page, uint32_t place) {
  const int32_t *p = r->nodes + (page << 4);
  const uint32_t part = place >> 5;
  const uint32_t before = (uint32_t)p[8 + (part >> 2)] >> ((part & 3) << 3) & 0xff;
  return r->nodes[(uint32_t)p[10] + before + bits_of((uint32_t)p[part] << (31 - (place & 31)))];
}

static inline int32_t lookup4(const Router *r, uint32_t dst) {
  int32_t row = r->roots[dst >> 16];
  if (row < 0) row = in_page(r, ~row, dst >> 8 & 0xff);
  if (row < 0) row = in_page(r, ~row, dst & 0xff);
  return row == 0 ? r->values[dst >> 16] : row;
}

enum { BLOCK = 64, SEAT = 2, BOUNDS = 3, TO_VALUE = 30, ASKS = 0xffff };

/* Of VRF 0. */
static inline const uint16_t *home_of(const Router *r, uint32_t first) {
  const uint32_t at = (first * 0x9e3779b1u >> (__builtin_clz(r->halves / BLOCK) + 1)) * BLOCK;
  return r->blocks + at;
}

static inline int32_t in_block(const Router *r, const uint8_t *dst) {
  const uint32_t first = be32(dst), place = be16(dst + 4);
  const uint16_t *p = home_of(r, first);
  while (p[SEAT] != 1 || ((uint32_t)p[0] << 16 | p[1]) != first) {
    if (!p[SEAT]) return ASKS;
    p = r->blocks + ((uint32_t)(p - r->blocks + BLOCK) & (r->halves - 1));
  }
  p += BOUNDS;
  for (int step = 16; step > 0; step >>= 1) p += p[step - 1] < place ? step : 0;
  return p[TO_VALUE];
}

static inline int32_t lookup6(const Router *r, const uint8_t *dst) {
  const int32_t known = in_block(r, dst);
  if (known != ASKS) return known;
  const uint32_t d[4] = {be32(dst), be32(dst + 4), be32(dst + 8), be32(dst + 12)};
  const int32_t *root = r->roots + ((d[0] >> 16) << 1);
  const int32_t *found = NULL;
  uint32_t hits = 0;
  for (int32_t at = root[0]; at != 0;) {
    const int32_t *node = r->nodes + ((size_t)at << 3);
    const uint32_t children = (uint32_t)node[1], depth = children >> 16, last = depth >> 5, below = depth & 31;
    uint32_t differ = 0;
    for (uint32_t k = 0; k < last; k++) differ |= d[k] ^ (uint32_t)node[4 + k];
    if (below) differ |= (d[last] ^ (uint32_t)node[4 + last]) >> (32 - below);
    if (differ) break;
    const uint32_t bits = d[last] >> (28 - below) & 15;
    const uint32_t match = (uint32_t)node[0] & (uint32_t)r->match[bits];
    if (match) found = node, hits = match;
    if (!(children >> bits & 1)) break;
    at = node[2] + (int32_t)bits_of(children & ((1u << bits) - 1));
  }
  if (!found) return root[1];
  const uint32_t longest = 31 - (uint32_t)__builtin_clz(hits);
  return r->values[(uint32_t)found[3] + bits_of((uint32_t)found[0] & ((1u << longest) - 1))];
}

/* src/wire/flow-hash.ts */
static inline uint32_t mix(uint32_t h, uint32_t word) {
  const uint32_t k = word * 0xcc9e2d51u;
  h ^= (k << 15 | k >> 17) * 0x1b873593u;
  return (h << 13 | h >> 19) * 5 + 0xe6546b64u;
}

static uint32_t flow_hash(int family, const uint8_t *ip, int bytes) {
  uint32_t h = 0;
  const int header = family == 4 ? 20 : 40;
  const uint32_t protocol = ip[family == 4 ? 9 : 6];
  for (int at = family == 4 ? 12 : 8; at < header; at += 4) h = mix(h, be32(ip + at));
  const int has_ports = protocol == UDP || protocol == TCP;
  if (family == 6) h = mix(h, has_ports ? protocol : be32(ip) & 0xfffff);
  else if (!(be32(ip + 4) & 0x3fff)) h = mix(h, protocol);
  else return h;
  if (has_ports && bytes >= header + 4) h = mix(h, be32(ip + header));
  h = (h ^ h >> 16) * 0x85ebca6bu;
  h = (h ^ h >> 13) * 0xc2b2ae35u;
  return h ^ h >> 16;
}

static inline int is_own(const Router *r, uint32_t bit) { return (uint32_t)r->own[bit >> 5] >> (bit & 31) & 1; }

/* Whether the packet is an ordinary one; `dst_bytes` of it. */
static inline int good4(const Router *r, const uint8_t *ip, int room, int *bytes) {
  const uint32_t w0 = be32(ip), src = be32(ip + 12), dst = be32(ip + 16);
  *bytes = (int)(w0 & 0xffff);
  if (w0 >> 24 != 0x45 || *bytes < 20 || *bytes > room) return 0;
  uint32_t sum = 0;
  for (int k = 0; k < 20; k += 2) sum += be16(ip + k);
  sum = (sum & 0xffff) + (sum >> 16);
  if (((sum & 0xffff) + (sum >> 16)) != 0xffff) return 0;
  const uint32_t from = src >> 24, to = dst >> 24;
  if (ip[8] <= 1 || to >= 224 || to == 127 || to == 0 || from >= 224 || from == 127 || from == 0) return 0;
  return !is_own(r, src * 0x9e3779b1u >> 16);
}

static inline int good6(const Router *r, const uint8_t *ip, int room, int *bytes) {
  if (ip[0] >> 4 != 6 || room < 40) return 0;
  *bytes = 40 + be16(ip + 4);
  if (*bytes > room || ip[7] <= 1) return 0;
  uint32_t h = 0, a[4], d[4];
  for (int k = 0; k < 4; k++) a[k] = be32(ip + 8 + 4 * k), d[k] = be32(ip + 24 + 4 * k);
  const uint32_t from = a[0] >> 22, to = d[0] >> 22;
  if ((from >= 0x3fa && (from == 0x3fa || from >= 0x3fc)) || (to >= 0x3fa && (to == 0x3fa || to >= 0x3fc))) return 0;
  if (!(a[0] | a[1] | a[2]) && a[3] <= 1) return 0;
  if (!(d[0] | d[1] | d[2] | d[3])) return 0;
  for (int k = 0; k < 3; k++) h = (h + a[k]) * 0xcc9e2d51u;
  return !is_own(r, (h + a[3]) * 0x9e3779b1u >> 16);
}

/* Where the neighbor of a row is, for this call. */
static int find_way(Switch *s, const FdbView *view, int32_t *way, int32_t now) {
  const uint32_t fid = (uint32_t)way[0] >> 16;
  const uint32_t macs[2] = {(uint32_t)way[READY_FRAME], (uint32_t)way[READY_FRAME + 1]};
  Record *rec = fdb_probe(view, fdb_key(macs[0] >> 16, macs[0] << 16 | macs[1] >> 16, fid));
  if (!rec) return 0;
  const uint32_t to = rec->word3 & PORT_MASK;
  if (rec->word3 & KIND_MASK || rec->word3 >> GENERATION_SHIFT != fdb_generation(s->fdb, to, fid)) return 0;
  way[READY_DUE] = rec->stamp + s->fdb->fid_age_ms[fid];
  if (now - way[READY_DUE] > 0 || !(s->member[fid * s->width + (to >> 5)] >> (to & 31) & 1)) return 0;
  way[READY_TO] = (int32_t)to;
  way[READY_LONGEST] = s->mtu[to] + ETHERNET;
  return 1;
}

int route(Switch *s, Router *r, Batch *b) {
  const FdbView view = fdb_view(s->fdb);
  const int n = b->count, is4 = r->family == 4;
  const uint16_t type = is4 ? 0x0800 : 0x86dd;
  uint8_t *const arena = s->arena;
  int32_t rows[WINDOW];
  Record *records[WINDOW];
  const int32_t stamp = ++r->stamp;
  for (int i = 0; i < n;) {
    const int from = b->port[i], first = i;
    const Gateway *in = &r->gateway[from];
    const uint32_t fid = (uint32_t)in->fid;
    const uint32_t here = fdb_generation(s->fdb, (uint32_t)from, fid) << GENERATION_SHIFT | (uint32_t)from;
    const int longest = s->min_mtu + ETHERNET;
    if (!(s->flags[from] & PORT_UP)) return i;
    int end = i;
    while (end < n && end - first < WINDOW && b->port[end] == from && b->len[end] >= SHORTEST) {
      const uint8_t *p = arena + b->off[end];
      records[end - first] = view.rec + fdb_slot(&view, fdb_key(be16(p + 6), be32(p + 8), fid));
      __builtin_prefetch(records[end - first]);
      rows[end - first] = is4 ? lookup4(r, be32(p + 30)) : lookup6(r, p + 38);
      end++;
    }
    int bytes_in = 0, out_of[4] = {0};
    for (; i < end; i++) {
      const int len = b->len[i];
      uint8_t *p = arena + b->off[i], *ip = p + ETHERNET;
      if (b->rx_flags[i] || len > longest || be16(p) != 0x0200 || (int32_t)be32(p + 2) != in->mac_low) break;
      if (be16(p + 12) != type) break;
      int bytes, row = rows[i - first];
      if (!(is4 ? good4(r, ip, len - ETHERNET, &bytes) : good6(r, ip, len - ETHERNET, &bytes))) break;
      if (r->kind[row] == GROUP) {
        const uint32_t turn = flow_hash(r->family, ip, len - ETHERNET) * 0x9e3779b1u >> 16;
        row = r->members[r->first[row] + (int)(turn * (uint32_t)r->count[row] >> 16)];
      }
      int32_t *way = r->ready + ((size_t)row << READY_SHIFT);
      if (way[0] == 0) break;
      const uint64_t key = fdb_key(be16(p + 6), be32(p + 8), fid);
      Record *source = records[i - first];
      if (source->key != key) source = fdb_probe(&view, key);
      if (!source || source->word3 != here) break;
      const int32_t now = b->now[i];
      if (way[READY_STAMP] != stamp || now - way[READY_DUE] > 0) {
        if (!find_way(s, &view, way, now)) break;
        way[READY_STAMP] = stamp;
      }
      if (bytes > way[READY_MTU] || len > way[READY_LONGEST]) break;
      if ((uint32_t)(now - source->stamp) >= REFRESH_MS)
        fdb_refresh(s->fdb, (uint32_t)(source - view.rec), (uint32_t)from, now);
      if (is4) {
        uint32_t sum = be16(ip + 10) + 0x100u;
        sum = (sum & 0xffff) + (sum >> 16);
        put32(ip + 8, ((be32(ip + 8) - 0x1000000) & 0xffff0000) | (sum == 0xffff ? 0 : sum));
      } else {
        ip[7]--;
      }
      for (int k = 0; k < 3; k++) put32(p + 4 * k, (uint32_t)way[READY_FRAME + k]);
      const int to = way[READY_TO];
      r->used[row] = 1;
      b->port[i] = way[0] & 0xffff;
      b->rx_flags[i] = GENERATED;
      b->fid[i] = (int32_t)((uint32_t)way[0] >> 16);
      b->vid[i] = way[READY_FRAME + 3];
      b->to[i] = to;
      b->reason[i] = 0;
      b->copies[i] = 1;
      s->list[to][s->listed[to]++] = i;
      bytes_in += len;
      out_of[way[READY_FRAME + 3] & 3]++;
    }
    const int frames = i - first;
    Counters *p = &s->port_counters[from], *f = &s->fid_counters[fid];
    p->rx_frames += frames, p->rx_bytes += bytes_in, r->consumed[from] += frames;
    f->rx_frames += frames, f->rx_bytes += bytes_in;
    for (int k = 0; k < 4; k++) {
      const int port = r->gateway[k].port, vlan = r->gateway[k].fid, sent = out_of[r->gateway[k].vid & 3];
      s->port_counters[port].delivered += sent, s->fid_counters[vlan].delivered += sent, r->generated[port] += sent;
    }
    if (i < end || end == first) return i;
  }
  return n;
}
