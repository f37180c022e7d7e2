/*
 * The data plane of src/dataplane in C: VLAN-aware, learning, with counters per port and per VLAN. The same
 * columns, arena, lists and checks; the same run of frames of one port and tag.
 */
#ifndef SWITCH_H
#define SWITCH_H

#include "fdb.h"

enum { BATCH = 256, LIST = BATCH + 16, WIDTH = MAX_PORTS / 32, REASONS = 64 };
enum {
  PORT_UP = 1 << 1,
  PORT_STATE_LEARNS = 1 << 2,
  PORT_STATE_FORWARDS = 1 << 3,
  PORT_LEARNING = 1 << 4,
  PORT_INGRESS_FILTERING = 1 << 5,
  PORT_ACCEPT_UNTAGGED = 1 << 6,
  PORT_ACCEPT_TAGGED = 1 << 7
};
enum { FLOOD_UNKNOWN, FLOOD_MULTICAST, FLOOD_BROADCAST };

typedef struct {
  double rx_frames, rx_bytes, delivered, flooded, flood_copies;
} Counters;

typedef struct {
  int32_t off[BATCH], len[BATCH], port[BATCH], rx_flags[BATCH], now[BATCH];
  int32_t fid[BATCH], vid[BATCH], to[BATCH], reason[BATCH], copies[BATCH];
  /* the other shape of a frame that leaves both tagged and untagged */
  int32_t alt_head_off[BATCH], alt_head_len[BATCH], alt_off[BATCH], alt_len[BATCH];
  int count;
} Batch;

typedef struct {
  uint8_t *arena;
  Fdb *fdb;
  uint32_t width;
  int min_mtu;
  int32_t flags[MAX_PORTS], tpid[MAX_PORTS], push_tpid[MAX_PORTS], pvid[MAX_PORTS], mtu[MAX_PORTS];
  uint32_t reserved_mac[MAX_PORTS];
  uint32_t reach[MAX_PORTS][WIDTH], takes[3][WIDTH];
  uint16_t fid_of[4096];
  uint32_t *member, *untagged; /* [fid * width + word] */
  Counters port_counters[MAX_PORTS], fid_counters[MAX_FIDS];
  double port_drops[MAX_PORTS][REASONS], fid_drops[MAX_FIDS][REASONS];
  int32_t list[MAX_PORTS][LIST], listed[MAX_PORTS];
} Switch;

void forward(Switch *s, Batch *b);
/* The same, for a table that outgrows the cache: prefetches the records first. */
void forward_prefetching(Switch *s, Batch *b);

#endif
