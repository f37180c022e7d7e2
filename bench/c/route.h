/*
 * The route lane of src/dataplane in C, on the tables that Etherloom has built: the same longest-prefix match, checks,
 * rewriting, lists and counters, in the same two loops.
 */
#ifndef ROUTE_H
#define ROUTE_H

#include "switch.h"

enum { READY_SHIFT = 4, READY_FRAME = 1, READY_MTU = 5, READY_STAMP = 6, READY_TO = 7, READY_DUE = 8, READY_LONGEST = 9 };

/* Of a port of the switch: the interface of its VLAN. */
typedef struct {
  int32_t fid, port, vid, mac_low;
} Gateway;

typedef struct {
  int32_t family, rows, stamp;
  /* src/tables/lpm/lpm.ts; Of IPv4 `nodes` are the lines, `values` the shorts. */
  int32_t *roots, *nodes, *values;
  /* Of IPv6: so many halves. */
  uint16_t *blocks;
  uint32_t halves;
  /* src/tables/router-table.ts */
  int32_t *kind, *ready, *first, *count, *members, *own, *used;
  Gateway gateway[4];
  int32_t match[16];
  double consumed[MAX_PORTS], generated[MAX_PORTS];
} Router;

/* Carries a batch, and returns how many frames it took: the rest is for somebody who can do more. */
int route(Switch *s, Router *r, Batch *b);

#endif
