#include "switch.h"

#include <string.h>

enum { SHAPE_ALT = 1 << 16, ALT_BEFORE = 32 };

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

static void drop(Switch *s, Batch *b, int i, int fid, int reason) {
  int port = b->port[i];
  s->port_counters[port].rx_frames++;
  s->port_counters[port].rx_bytes += b->len[i];
  s->fid_counters[fid].rx_frames++;
  s->fid_counters[fid].rx_bytes += b->len[i];
  s->port_drops[port][reason]++;
  s->fid_drops[fid][reason]++;
  b->fid[i] = fid;
  b->reason[i] = reason;
  b->copies[i] = 0;
}

static void push_tag(Switch *s, Batch *b, int i, uint32_t tag) {
  uint8_t *p = s->arena + b->off[i];
  memmove(p - 4, p, 12);
  put32(p + 8, tag);
  b->off[i] -= 4;
  b->len[i] += 4;
}

static void pop_tag(Switch *s, Batch *b, int i) {
  uint8_t *p = s->arena + b->off[i];
  memmove(p + 4, p, 12);
  b->off[i] += 4;
  b->len[i] -= 4;
}

/* Both shapes: the one it came in stays the main one. */
static void shape_both(Switch *s, Batch *b, int i, int tagged, uint32_t tag) {
  uint8_t *p = s->arena + b->off[i];
  int head = b->off[i] - ALT_BEFORE;
  memcpy(s->arena + head, p, 12);
  b->alt_head_off[i] = head;
  if (tagged) {
    put32(p + 12, tag);
    b->alt_head_len[i] = 12;
    b->alt_off[i] = b->off[i] + 16;
    b->alt_len[i] = b->len[i] - 16;
  } else {
    put32(s->arena + head + 12, tag);
    b->alt_head_len[i] = 16;
    b->alt_off[i] = b->off[i] + 12;
    b->alt_len[i] = b->len[i] - 12;
  }
}

static void flood(Switch *s, Batch *b, int i, int fid, int tagged, uint32_t tag, int kind) {
  int port = b->port[i], len = b->len[i], copies = 0;
  const uint32_t *member = &s->member[(uint32_t)fid * s->width], *untagged = &s->untagged[(uint32_t)fid * s->width];
  uint32_t any_untagged = 0, any_tagged = 0;
  for (uint32_t w = 0; w < s->width; w++) {
    uint32_t set = s->reach[port][w] & member[w] & s->takes[kind][w];
    any_untagged |= set & untagged[w];
    any_tagged |= set & ~untagged[w];
  }
  if (!(any_untagged | any_tagged)) {
    drop(s, b, i, fid, 40);
    return;
  }
  int mixed = any_untagged && any_tagged;
  if (mixed) shape_both(s, b, i, tagged, tag);
  else if (any_tagged && !tagged) push_tag(s, b, i, tag);
  else if (any_tagged) put32(s->arena + b->off[i] + 12, tag);
  else if (tagged) pop_tag(s, b, i);
  for (uint32_t w = 0; w < s->width; w++) {
    uint32_t set = s->reach[port][w] & member[w] & s->takes[kind][w];
    uint32_t alt = mixed ? (tagged ? untagged[w] : ~untagged[w]) : 0;
    while (set) {
      int bit = __builtin_ctz(set), to = (int)(w << 5) + bit;
      set &= set - 1;
      s->list[to][s->listed[to]++] = i | (int)((alt >> bit) & 1) * SHAPE_ALT;
      copies++;
    }
  }
  b->copies[i] = copies;
  b->fid[i] = fid;
  b->to[i] = -1 - kind;
  b->reason[i] = 0;
  Counters *p = &s->port_counters[port], *f = &s->fid_counters[fid];
  p->rx_frames++, p->rx_bytes += len, p->delivered++, p->flooded++, p->flood_copies += copies - 1;
  f->rx_frames++, f->rx_bytes += len, f->delivered++, f->flooded++, f->flood_copies += copies - 1;
}

void forward(Switch *s, Batch *b) {
  Fdb *const t = s->fdb;
  const FdbView view = fdb_view(t);
  const int n = b->count, width = (int)s->width;
  uint8_t *const arena = s->arena;
  int32_t *restrict const offs = b->off, *restrict const lens = b->len;
  const int32_t *restrict const ports = b->port, *restrict const nows = b->now, *restrict const rx_flags = b->rx_flags;
  int32_t *restrict const fids = b->fid, *restrict const vids = b->vid, *restrict const tos = b->to;
  int32_t *restrict const reasons = b->reason, *restrict const copies = b->copies;
  const uint32_t *const port_generation = t->port_generation;
  for (int i = 0; i < n;) {
    /* A run begins: what depends on port and tag alone. */
    const int from = ports[i], flags = s->flags[from], tpid = s->tpid[from];
    if (lens[i] < 18) {
      drop(s, b, i++, 0, 1);
      continue;
    }
    const uint32_t tag = be32(arena + offs[i] + 12);
    const int tagged = (int)(tag >> 16) == tpid;
    const int tag_vid = tagged ? tag & 0xfff : 0;
    int vid = tag_vid, reason = 0, fid = 0;
    if (!(flags & PORT_UP)) reason = 8;
    else if (vid == 0) {
      vid = s->pvid[from];
      if (!(flags & PORT_ACCEPT_UNTAGGED)) reason = 11;
      else if (vid < 0) reason = 12;
    } else if (vid == 0xfff) reason = 14;
    else if (!(flags & PORT_ACCEPT_TAGGED)) reason = 11;
    if (!reason) {
      fid = s->fid_of[vid];
      if (!fid || ((flags & PORT_INGRESS_FILTERING) && !(s->member[fid * width + (from >> 5)] >> (from & 31) & 1)))
        fid = 0, reason = 13;
    }
    if (reason) {
      drop(s, b, i++, 0, reason);
      continue;
    }
    const uint32_t generation = t->fid_generation[fid];
    const uint32_t here = (((port_generation[from] + generation) & 0xffff) << GENERATION_SHIFT) | (uint32_t)from;
    const int32_t age = t->fid_age_ms[fid];
    const int longest = s->min_mtu + 14 + (tagged ? 4 : 0);
    const int shape = tagged ? (tag_vid == vid ? 0 : -1) : 1;
    const uint32_t pushed =
        (uint32_t)(tagged ? tpid : s->push_tpid[from]) << 16 | (tagged ? tag & 0xf000 : 0) | (uint32_t)vid;
    const uint32_t *member = &s->member[fid * width], *untagged = &s->untagged[fid * width], *reach = s->reach[from];
    int frames = 0, bytes = 0;
    for (; i < n; i++) {
      const int len = lens[i];
      if (ports[i] != from || len < 18) break;
      const uint8_t *p = arena + offs[i];
      const uint32_t word = be32(p + 12);
      if (tagged ? word != tag : (int)(word >> 16) == tpid) break;
      const uint32_t dst_high = be16(p), dst_low = be32(p + 2), src_high = be16(p + 6), src_low = be32(p + 8);
      if ((dst_high | src_high) & 0x100) {
        if (src_high & 0x100) {
          drop(s, b, i, 0, 4);
          continue;
        }
        if (dst_high == 0x0180 && (dst_low & ~0xfu) == 0xc2000000u && (s->reserved_mac[from] >> (dst_low & 0xf) & 1)) {
          drop(s, b, i, fid, 10);
          continue;
        }
      }
      if (len > longest || rx_flags[i]) {
        drop(s, b, i, 0, len > longest ? 5 : 2);
        continue;
      }
      const int32_t now = nows[i];
      const uint64_t src_key = fdb_key(src_high, src_low, (uint32_t)fid);
      Record *r = fdb_probe(&view, src_key);
      if (r && r->word3 == here) {
        if ((uint32_t)(now - r->stamp) >= REFRESH_MS) fdb_refresh(t, (uint32_t)(r - view.rec), (uint32_t)from, now);
      } else {
        fdb_learn(t, r, src_key, (uint32_t)from, now);
      }
      if (dst_high & 0x100) {
        const int broadcast = dst_high == 0xffff && dst_low == 0xffffffffu;
        flood(s, b, i, fid, tagged, pushed, broadcast ? FLOOD_BROADCAST : FLOOD_MULTICAST);
        continue;
      }
      r = fdb_probe(&view, fdb_key(dst_high, dst_low, (uint32_t)fid));
      if (!r || (!(r->word3 & KIND_MASK) &&
                 (r->word3 >> GENERATION_SHIFT != ((port_generation[r->word3 & PORT_MASK] + generation) & 0xffff) ||
                  now - r->stamp > age))) {
        flood(s, b, i, fid, tagged, pushed, FLOOD_UNKNOWN);
        continue;
      }
      const int to = (int)(r->word3 & PORT_MASK);
      if (!(reach[to >> 5] & member[to >> 5] & 1u << (to & 31))) {
        drop(s, b, i, fid, to == from ? 28 : 36);
        continue;
      }
      const int untag = untagged[to >> 5] >> (to & 31) & 1;
      if (untag != shape) {
        if (untag) pop_tag(s, b, i);
        else if (tagged) put32(arena + offs[i] + 12, pushed);
        else push_tag(s, b, i, pushed);
      }
      s->list[to][s->listed[to]++] = i;
      fids[i] = fid;
      vids[i] = vid;
      tos[i] = to;
      reasons[i] = 0;
      copies[i] = 1;
      frames++;
      bytes += len;
    }
    Counters *p = &s->port_counters[from], *f = &s->fid_counters[fid];
    p->rx_frames += frames, p->rx_bytes += bytes, p->delivered += frames;
    f->rx_frames += frames, f->rx_bytes += bytes, f->delivered += frames;
  }
}

void forward_prefetching(Switch *s, Batch *b) {
  const FdbView view = fdb_view(s->fdb);
  for (int i = 0; i < b->count; i++) {
    if (b->len[i] < 18) continue;
    const uint8_t *p = s->arena + b->off[i];
    const int port = b->port[i];
    const uint32_t tag = be32(p + 12);
    int vid = (int)(tag >> 16) == s->tpid[port] ? (int)(tag & 0xfff) : 0;
    if (vid == 0) vid = s->pvid[port] & 0xfff;
    const uint32_t fid = s->fid_of[vid];
    __builtin_prefetch(view.rec + fdb_slot(&view, fdb_key(be16(p + 6), be32(p + 8), fid)));
    __builtin_prefetch(view.rec + fdb_slot(&view, fdb_key(be16(p), be32(p + 2), fid)));
  }
  forward(s, b);
}
