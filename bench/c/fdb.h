/*
 * The forwarding database of src/tables/fdb*.ts in C: the same records, hash, generations, ageing, lists of the
 * least recently used per port, limits, eviction and events, so that the benchmark compares languages, not tables.
 */
#ifndef FDB_H
#define FDB_H

#include <stdint.h>
#include <stdlib.h>

enum { KIND_DYNAMIC, KIND_STATIC, KIND_STICKY, KIND_LOCAL, KIND_EXTERNAL, KIND_BLACKHOLE };
enum { NO_PORT = 0xfff, PORT_MASK = 0xfff, KIND_SHIFT = 12, KIND_MASK = 0x7000, GENERATION_SHIFT = 16 };
enum { REFRESH_MS = 100, BLOCK_BITS = 12, MAX_PORTS = 512, MAX_FIDS = 4160, EVENTS = 4096 };
enum { EVENT_LEARNED = 1, EVENT_MOVED, EVENT_AGED, EVENT_EVICTED, EVENT_STATIC_VIOLATION, EVENT_REFUSED };

typedef struct {
  uint64_t key;   /* MAC bytes 0..1 << 48 | FID << 32 | MAC bytes 2..5; 0 = empty */
  int32_t stamp;  /* ms when last seen */
  uint32_t word3; /* generation << 16 | kind << 12 | port */
} Record;

typedef struct {
  uint32_t kind, fid, mac_high, mac_low, port;
  int32_t old_port, now, sequence;
} Event;

typedef struct {
  uint32_t slots, shift, used, max_used;
  Record *rec;
  int32_t *prev, *next;
  uint32_t seed[4];
  int32_t head[MAX_PORTS], tail[MAX_PORTS];
  uint32_t port_generation[MAX_PORTS], fid_generation[MAX_FIDS];
  int32_t fid_age_ms[MAX_FIDS];
  uint32_t port_count[MAX_PORTS], fid_count[MAX_FIDS], bridge_count, bridge_limit;
  uint32_t port_limit[MAX_PORTS], fid_limit[MAX_FIDS];
  double learned, moved, evicted, refused;
  uint32_t ports, events_written;
  Event events[EVENTS];
} Fdb;

/* What a loop keeps in registers of a table. */
typedef struct {
  Record *rec;
  uint32_t s0, s1, s2, s3, slots, blocks, shift;
} FdbView;

static inline FdbView fdb_view(const Fdb *t) {
  return (FdbView){t->rec, t->seed[0], t->seed[1], t->seed[2], t->seed[3], t->slots, t->slots >> t->shift, t->shift};
}

static inline uint64_t fdb_key(uint32_t mac_high, uint32_t mac_low, uint32_t fid) {
  return (uint64_t)(mac_high << 16 | fid) << 32 | mac_low;
}

static inline uint32_t fdb_slot(const FdbView *v, uint64_t key) {
  uint32_t low = (uint32_t)key, high = (uint32_t)(key >> 32);
  uint32_t h = (v->s0 + (low & 0xffff)) * (v->s1 + (low >> 16)) + (v->s2 + (high & 0xffff)) * (v->s3 + (high >> 16));
  h = (h ^ (h >> 15)) * 0x2c1b3c6du;
  uint32_t block = ((h >> 12) * v->blocks) >> 20;
  return (block << v->shift) | ((h & 0xfff) >> (BLOCK_BITS - v->shift));
}

/* The record of the key, or NULL. */
static inline Record *fdb_probe(const FdbView *v, uint64_t key) {
  Record *r = v->rec + fdb_slot(v, key), *end = v->rec + v->slots;
  while (r->key != key) {
    if (r->key == 0) return NULL;
    if (++r == end) r = v->rec;
  }
  return r;
}

static inline uint32_t fdb_generation(const Fdb *t, uint32_t port, uint32_t fid) {
  return (t->port_generation[port] + t->fid_generation[fid]) & 0xffff;
}

Fdb *fdb_create(uint32_t entries, uint32_t ports, uint32_t limit, uint32_t seed);
void fdb_refresh(Fdb *t, uint32_t slot, uint32_t port, int32_t now);
/* A source that is not simply known where it is. */
void fdb_learn(Fdb *t, Record *r, uint64_t key, uint32_t port, int32_t now);

#endif
