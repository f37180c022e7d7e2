/*
 * The driver around the C twin of the data plane: the same world, the same prepared frames, one timed round per
 * line on stdin. See bench/contender.ts for the protocol and bench/worker.ts for the other side.
 *
 *   main MODE MACS PORTS VLANS FRAMES_FILE PREFETCH
 */
#include "switch.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { STRIDE = 33 * 64, HEADROOM = 128, FRAME = 64, STORM_DST = 0x70000000 };

typedef struct {
  int32_t port, len;
  uint8_t bytes[FRAME];
} Prepared;

static Switch *s;
static Batch *b;
static Prepared *prepared;
static int frames, macs, ports, vlans, prefetch, at;
static int32_t *offs, *lens, *from;
static uint32_t fresh = 0x100;

static double now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e9 + t.tv_nsec;
}

static void empty_lists(void) {
  for (int p = 0; p < ports; p++) s->listed[p] = 0;
}

static void go(int32_t now) {
  for (int j = 0; j < b->count; j++) b->now[j] = now;
  if (prefetch) forward_prefetching(s, b);
  else forward(s, b);
}

static void make_world(void) {
  uint32_t entries = (uint32_t)(macs * 1.1);
  if (entries < 65536) entries = 65536;
  s = calloc(1, sizeof *s);
  s->fdb = fdb_create(entries, (uint32_t)ports, entries, 12345);
  s->width = (uint32_t)((ports < 64 ? 64 : ports) + 31) / 32;
  s->min_mtu = 1500;
  s->member = calloc(MAX_FIDS * s->width, 4);
  s->untagged = calloc(MAX_FIDS * s->width, 4);
  for (int v = 1; v <= vlans; v++) s->fid_of[vlans > 1 ? v : 10] = (uint16_t)v;
  for (int p = 0; p < ports; p++) {
    s->flags[p] = PORT_UP | PORT_STATE_LEARNS | PORT_STATE_FORWARDS | PORT_LEARNING | PORT_INGRESS_FILTERING |
                  PORT_ACCEPT_UNTAGGED | (vlans > 1 ? PORT_ACCEPT_TAGGED : 0);
    s->pvid[p] = vlans > 1 ? -1 : 10;
    s->tpid[p] = s->push_tpid[p] = 0x8100;
    s->mtu[p] = 1500;
    for (int q = 0; q < ports; q++)
      if (q != p) s->reach[p][q >> 5] |= 1u << (q & 31);
    for (int k = 0; k < 3; k++) s->takes[k][p >> 5] |= 1u << (p & 31);
    for (int f = 1; f <= vlans; f++) {
      s->member[(uint32_t)f * s->width + (p >> 5)] |= 1u << (p & 31);
      if (vlans == 1) s->untagged[(uint32_t)f * s->width + (p >> 5)] |= 1u << (p & 31);
    }
  }
  b = calloc(1, sizeof *b);
}

static void load_frames(const char *file) {
  FILE *f = fopen(file, "rb");
  if (!f || fread(&frames, 4, 1, f) != 1) exit(1);
  prepared = malloc((size_t)frames * sizeof *prepared);
  if (fread(prepared, sizeof *prepared, (size_t)frames, f) != (size_t)frames) exit(1);
  fclose(f);
  s->arena = aligned_alloc(4096, ((size_t)frames * STRIDE + 65536 + 4095) / 4096 * 4096);
  offs = malloc(4 * (size_t)frames), lens = malloc(4 * (size_t)frames), from = malloc(4 * (size_t)frames);
}

static void lay_frames(void) {
  for (int i = 0; i < frames; i++) {
    offs[i] = i * STRIDE + HEADROOM;
    memcpy(s->arena + offs[i], prepared[i].bytes, FRAME);
    lens[i] = prepared[i].len;
    from[i] = prepared[i].port;
  }
}

static void put32(uint8_t *p, uint32_t v) {
  v = __builtin_bswap32(v);
  memcpy(p, &v, 4);
}

/* One frame from every address, to an address that nobody has. */
static void teach(void) {
  uint8_t *frame = s->arena + HEADROOM;
  for (int m = 0; m < macs; m++) {
    memset(frame, 0, FRAME);
    frame[0] = frame[6] = 2;
    put32(frame + 2, 0x7fffffff), put32(frame + 8, (uint32_t)m);
    int vid = 1 + m % vlans;
    if (vlans > 1) frame[12] = 0x81, frame[14] = (uint8_t)(vid >> 8), frame[15] = (uint8_t)vid, frame[16] = 8;
    else frame[12] = 8;
    b->count = 1, b->off[0] = HEADROOM, b->len[0] = FRAME;
    b->port[0] = (m / vlans * 5 + m % vlans) % ports;
    go((int32_t)(now_ns() / 1e6));
    empty_lists();
  }
}

static void flush_table(void) {
  Fdb *t = s->fdb;
  memset(t->rec, 0, (size_t)t->slots * sizeof(Record));
  memset(t->port_count, 0, sizeof t->port_count);
  memset(t->fid_count, 0, sizeof t->fid_count);
  t->used = t->bridge_count = 0;
  for (int p = 0; p < MAX_PORTS; p++) t->head[p] = t->tail[p] = -1;
  uint8_t *frame = s->arena + offs[0];
  uint32_t keep;
  memcpy(&keep, frame + 8, 4);
  put32(frame + 8, STORM_DST);
  b->count = 1, b->off[0] = offs[0], b->len[0] = FRAME, b->port[0] = ports - 1;
  go((int32_t)(now_ns() / 1e6));
  empty_lists();
  memcpy(frame + 8, &keep, 4);
}

static void take_batch(void) {
  b->count = BATCH;
  memcpy(b->off, offs + at, sizeof b->off);
  memcpy(b->port, from + at, sizeof b->port);
  memcpy(b->len, lens + at, sizeof b->len);
  at += BATCH;
  if (at >= frames) at = 0;
}

/* Forwards until the time is up; addresses are those of the prepared frames. */
static void forward_round(double seconds) {
  double start = now_ns(), end = start + seconds * 1e9, now = start;
  long done = 0;
  while (now < end) {
    take_batch();
    go((int32_t)(now / 1e6));
    empty_lists();
    done += BATCH;
    now = now_ns();
  }
  printf("%ld %.0f\n", done, now - start);
}

/* Every frame has a source never seen; the table is flushed, outside the timing, when it has `macs`. */
static void learn_round(double seconds) {
  double spent = 0;
  long done = 0;
  while (spent < seconds * 1e9) {
    flush_table();
    double start = now_ns(), now = start;
    for (int n = 0; n + BATCH < macs; n += BATCH) {
      take_batch();
      for (int j = 0; j < BATCH; j++) put32(s->arena + b->off[j] + 8, fresh++);
      go((int32_t)(now / 1e6));
      empty_lists();
      done += BATCH;
      now = now_ns();
    }
    spent += now - start;
  }
  printf("%ld %.0f\n", done, spent);
}

/* FNV-1a over every copy that leaves: port, length, bytes. */
static void check(void) {
  uint32_t h = 0x811c9dc5u;
#define MIX(byte) h = (h ^ (uint8_t)(byte)) * 0x01000193u
  at = 0;
  for (int k = 0; k < frames && k < 16 * BATCH; k += BATCH) {
    take_batch();
    go((int32_t)(now_ns() / 1e6));
    for (int p = 0; p < ports; p++) {
      for (int n = 0; n < s->listed[p]; n++) {
        int i = s->list[p][n];
        MIX(p), MIX(p >> 8), MIX(b->len[i]), MIX(b->len[i] >> 8);
        for (int j = 0; j < b->len[i]; j++) MIX(s->arena[b->off[i] + j]);
      }
    }
    empty_lists();
  }
  at = 0;
  printf("%u\n", h);
}

int main(int argc, char **argv) {
  if (argc < 7) return 2;
  const int learning = strcmp(argv[1], "learn") == 0;
  macs = atoi(argv[2]), ports = atoi(argv[3]), vlans = atoi(argv[4]), prefetch = atoi(argv[6]);
  make_world();
  load_frames(argv[5]);
  if (!learning) teach();
  lay_frames();
  if (learning) flush_table();
  char line[64];
  puts("ready");
  fflush(stdout);
  while (fgets(line, sizeof line, stdin)) {
    if (line[0] == 'c') check();
    else if (learning) learn_round(atof(line));
    else forward_round(atof(line));
    fflush(stdout);
  }
  return 0;
}
