#include "fdb.h"

#include <stdbool.h>

Fdb *fdb_create(uint32_t entries, uint32_t ports, uint32_t limit, uint32_t seed) {
  Fdb *t = calloc(1, sizeof *t);
  uint32_t slots = (uint32_t)((entries + 1) / 0.8 + 0.999999);
  if (slots < 64) slots = 64;
  int bits = 32 - __builtin_clz(slots - 1);
  t->shift = bits > BLOCK_BITS ? (uint32_t)(bits - BLOCK_BITS) : 0;
  uint32_t block = 1u << t->shift;
  t->slots = (slots + block - 1) / block * block;
  t->max_used = (uint32_t)(t->slots * 0.8);
  t->rec = aligned_alloc(64, ((size_t)t->slots * sizeof(Record) + 63) / 64 * 64);
  t->prev = calloc(t->slots, sizeof(int32_t));
  t->next = calloc(t->slots, sizeof(int32_t));
  for (uint32_t i = 0; i < t->slots; i++) t->rec[i] = (Record){0, 0, 0};
  for (int i = 0; i < MAX_PORTS; i++) t->head[i] = t->tail[i] = -1;
  for (int i = 0; i < MAX_FIDS; i++) t->fid_age_ms[i] = 300000;
  t->ports = ports;
  t->bridge_limit = limit;
  for (int i = 0; i < 4; i++) {
    seed += 0x9e3779b9u;
    uint32_t z = seed;
    z = (z ^ (z >> 16)) * 0x21f0aaadu;
    z = (z ^ (z >> 15)) * 0x735a2d97u;
    t->seed[i] = z ^ (z >> 15);
  }
  return t;
}

static void event(Fdb *t, uint32_t kind, uint64_t key, uint32_t port, int32_t old_port, int32_t now) {
  uint32_t high = (uint32_t)(key >> 32), low = (uint32_t)key;
  uint32_t n = t->events_written++;
  t->events[n & (EVENTS - 1)] = (Event){kind, high & 0xffff, high >> 16, low, port, old_port, now, (int32_t)(n + 1)};
}

static void link_tail(Fdb *t, uint32_t slot, uint32_t port) {
  int32_t last = t->tail[port];
  t->prev[slot] = last;
  t->next[slot] = -1;
  t->tail[port] = (int32_t)slot;
  if (last < 0) t->head[port] = (int32_t)slot;
  else t->next[last] = (int32_t)slot;
}

static void unlink_entry(Fdb *t, uint32_t slot, uint32_t port) {
  int32_t before = t->prev[slot], after = t->next[slot];
  if (before < 0) t->head[port] = after;
  else t->next[before] = after;
  if (after < 0) t->tail[port] = before;
  else t->prev[after] = before;
}

void fdb_refresh(Fdb *t, uint32_t slot, uint32_t port, int32_t now) {
  t->rec[slot].stamp = now;
  if (t->tail[port] == (int32_t)slot) return;
  unlink_entry(t, slot, port);
  link_tail(t, slot, port);
}

static void count_entry(Fdb *t, uint32_t slot, uint32_t port, uint32_t fid) {
  link_tail(t, slot, port);
  t->port_count[port]++;
  t->fid_count[fid]++;
  t->bridge_count++;
}

static void uncount_entry(Fdb *t, uint32_t slot, uint32_t port, uint32_t fid) {
  unlink_entry(t, slot, port);
  t->port_count[port]--;
  t->fid_count[fid]--;
  t->bridge_count--;
}

static void move_record(Fdb *t, uint32_t from, uint32_t to) {
  t->rec[to] = t->rec[from];
  if (t->rec[from].word3 & KIND_MASK) return;
  int32_t before = t->prev[from], after = t->next[from];
  uint32_t port = t->rec[from].word3 & PORT_MASK;
  t->prev[to] = before;
  t->next[to] = after;
  if (before < 0) t->head[port] = (int32_t)to;
  else t->next[before] = (int32_t)to;
  if (after < 0) t->tail[port] = (int32_t)to;
  else t->prev[after] = (int32_t)to;
}

static void erase(Fdb *t, uint32_t slot) {
  Record *r = &t->rec[slot];
  if (!(r->word3 & KIND_MASK)) uncount_entry(t, slot, r->word3 & PORT_MASK, r->key >> 32 & 0xffff);
  FdbView view = fdb_view(t);
  uint32_t gap = slot, from = slot;
  for (;;) {
    if (++from == t->slots) from = 0;
    if (t->rec[from].key == 0) break;
    uint32_t home = fdb_slot(&view, t->rec[from].key);
    bool stays = gap <= from ? home > gap && home <= from : home > gap || home <= from;
    if (stays) continue;
    move_record(t, from, gap);
    gap = from;
  }
  t->rec[gap].key = 0;
  t->used--;
}

static void evict_fair(Fdb *t, int32_t now) {
  uint32_t best = 0, most = 0;
  for (uint32_t p = 0; p < t->ports; p++)
    if (t->port_count[p] > most) most = t->port_count[p], best = p;
  if (t->head[best] < 0) return;
  uint32_t victim = (uint32_t)t->head[best];
  t->evicted++;
  event(t, EVENT_EVICTED, t->rec[victim].key, best, -1, now);
  erase(t, victim);
}

static void learn_new(Fdb *t, uint64_t key, uint32_t port, int32_t now) {
  uint32_t fid = key >> 32 & 0xffff;
  bool full = (t->port_limit[port] && t->port_count[port] >= t->port_limit[port]) ||
              (t->fid_limit[fid] && t->fid_count[fid] >= t->fid_limit[fid]) || t->bridge_count >= t->bridge_limit;
  if (full) evict_fair(t, now);
  if (t->used >= t->max_used) {
    t->refused++;
    event(t, EVENT_REFUSED, key, port, -1, now);
    return;
  }
  FdbView view = fdb_view(t);
  uint32_t slot = fdb_slot(&view, key);
  while (t->rec[slot].key != 0)
    if (++slot == t->slots) slot = 0;
  t->rec[slot] = (Record){key, now, fdb_generation(t, port, fid) << GENERATION_SHIFT | port};
  t->used++;
  count_entry(t, slot, port, fid);
  t->learned++;
  event(t, EVENT_LEARNED, key, port, -1, now);
}

void fdb_learn(Fdb *t, Record *r, uint64_t key, uint32_t port, int32_t now) {
  uint32_t fid = key >> 32 & 0xffff;
  if (r == NULL) {
    learn_new(t, key, port, now);
    return;
  }
  uint32_t slot = (uint32_t)(r - t->rec), old_port = r->word3 & PORT_MASK;
  if (r->word3 & KIND_MASK) return;
  bool live = r->word3 >> GENERATION_SHIFT == fdb_generation(t, old_port, fid) && now - r->stamp <= t->fid_age_ms[fid];
  if (!live) {
    erase(t, slot);
    learn_new(t, key, port, now);
    return;
  }
  if (old_port == port) {
    fdb_refresh(t, slot, port, now);
    return;
  }
  uncount_entry(t, slot, old_port, fid);
  r->stamp = now;
  r->word3 = fdb_generation(t, port, fid) << GENERATION_SHIFT | port;
  count_entry(t, slot, port, fid);
  t->moved++;
  event(t, EVENT_MOVED, key, port, (int32_t)old_port, now);
}
