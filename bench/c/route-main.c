/*
 * The driver around the C twin of the route lane: the world of bench/route-world.ts, the tables that Etherloom has built of
 * it, and the protocol of bench/route-worker.ts.
 *
 *   route-main WORLD
 */
#include "route.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { STRIDE = 33 * 64, HEADROOM = 128, FRAME = 64, PORTS = 4, LAID = 1024, ALL_PORTS = 16, CHECKED = 16 * BATCH };

typedef struct {
  int32_t port, len;
  uint8_t bytes[FRAME];
} Prepared;

static Switch *s;
static Router *r;
static Batch *b;
static Prepared *packets;
static int32_t *from;
static int count, hosts, at;

static double now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e9 + t.tv_nsec;
}

static FILE *open_part(const char *path, const char *part) {
  char name[4096];
  snprintf(name, sizeof name, "%s.%s", path, part);
  FILE *f = fopen(name, "rb");
  if (!f) exit(1);
  return f;
}

static void take(FILE *f, void *to, size_t bytes) {
  if (fread(to, 1, bytes, f) != bytes) exit(1);
}

/* A count and so many words. */
static int32_t *words(FILE *f, int32_t *length) {
  take(f, length, 4);
  int32_t *all = malloc(4 * (size_t)*length + 4);
  take(f, all, 4 * (size_t)*length);
  return all;
}

static void load(const char *path) {
  int32_t header[5], n, *gateways;
  FILE *f = open_part(path, "routes");
  take(f, header, sizeof header);
  fclose(f);
  hosts = header[1];
  f = open_part(path, "tables");
  r->family = header[0];
  r->roots = words(f, &n), r->nodes = words(f, &n), r->values = words(f, &n);
  r->blocks = (uint16_t *)words(f, &n), r->halves = (uint32_t)n * 2;
  r->kind = words(f, &r->rows), r->ready = words(f, &n), r->first = words(f, &n), r->count = words(f, &n);
  r->members = words(f, &n), r->own = words(f, &n);
  gateways = words(f, &n);
  memcpy(r->gateway, gateways, sizeof r->gateway);
  memcpy(r->match, gateways + 4 * PORTS, sizeof r->match);
  fclose(f);
  r->used = calloc((size_t)r->rows, 4);
  f = open_part(path, "frames");
  take(f, &count, 4);
  packets = malloc((size_t)count * sizeof *packets);
  take(f, packets, (size_t)count * sizeof *packets);
  fclose(f);
  from = malloc(4 * (size_t)count);
  for (int i = 0; i < count; i++) from[i] = packets[i].port;
}

static void make_world(void) {
  s->fdb = fdb_create(65536, ALL_PORTS, 65536, 12345);
  s->width = 2, s->min_mtu = 1500;
  s->member = calloc(MAX_FIDS * s->width, 4), s->untagged = calloc(MAX_FIDS * s->width, 4);
  for (int p = 0; p < PORTS; p++) {
    const uint32_t fid = (uint32_t)r->gateway[p].fid;
    s->flags[p] =
        PORT_UP | PORT_STATE_LEARNS | PORT_STATE_FORWARDS | PORT_LEARNING | PORT_INGRESS_FILTERING | PORT_ACCEPT_UNTAGGED;
    s->pvid[p] = r->gateway[p].vid, s->tpid[p] = s->push_tpid[p] = 0x8100, s->mtu[p] = 1500;
    s->fid_of[r->gateway[p].vid] = (uint16_t)fid;
    s->member[fid * s->width] |= 1u << p, s->untagged[fid * s->width] |= 1u << p;
    for (int k = 0; k < 3; k++) s->takes[k][0] |= 1u << p;
  }
  s->arena = aligned_alloc(4096, ((size_t)LAID * STRIDE + 65536 + 4095) / 4096 * 4096);
}

static void empty_lists(void) {
  for (int p = 0; p < PORTS; p++) s->listed[p] = 0;
}

/* A frame from every host, to an address that nobody has: bridged. */
static void teach(void) {
  uint8_t *p = s->arena + HEADROOM;
  for (int host = 0; host < hosts; host++) {
    const uint8_t macs[14] = {2, 0, 0x7f, 0xff, 0xff, 0xff, 2, 0, (uint8_t)(host >> 24), (uint8_t)(host >> 16),
                              (uint8_t)(host >> 8), (uint8_t)host, 8, 0};
    memcpy(p, macs, sizeof macs);
    b->count = 1, b->off[0] = HEADROOM, b->len[0] = FRAME, b->port[0] = host % PORTS, b->rx_flags[0] = 0;
    b->now[0] = (int32_t)(now_ns() / 1e6);
    forward(s, b);
    empty_lists();
  }
}

static void lay(void) {
  for (int i = 0; i < LAID; i++) memcpy(s->arena + i * STRIDE + HEADROOM, packets[at + i].bytes, FRAME);
}

static void forward_next(int k, double now) {
  b->count = BATCH;
  for (int j = 0; j < BATCH; j++) {
    b->off[j] = (k * BATCH + j) * STRIDE + HEADROOM;
    b->len[j] = FRAME;
    b->port[j] = from[at + j];
    b->rx_flags[j] = 0;
    b->now[j] = (int32_t)(now / 1e6);
  }
  at = at + BATCH == count ? 0 : at + BATCH;
  if (route(s, r, b) != BATCH) fputs("route-main: a packet that the lane does not take\n", stderr), exit(1);
}

static void timed(double seconds) {
  const double began = now_ns(), end = began + seconds * 1e9;
  double spent = 0, now = began;
  long done = 0;
  while (now < end) {
    lay();
    const double start = now_ns();
    for (int k = 0; k < LAID / BATCH; k++) {
      forward_next(k, start);
      empty_lists();
    }
    now = now_ns();
    spent += now - start;
    done += LAID;
  }
  printf("%ld %.0f %.0f\n", done, spent, now_ns() - began);
}

/* FNV-1a over every packet that leaves: port, length, bytes. */
static void check(void) {
  uint32_t h = 0x811c9dc5u;
#define MIX(byte) h = (h ^ (uint8_t)(byte)) * 0x01000193u
  at = 0;
  for (int done = 0; done < CHECKED; done += BATCH) {
    if (done % LAID == 0) lay();
    forward_next(done % LAID / BATCH, now_ns());
    for (int p = 0; p < PORTS; p++) {
      for (int n = 0; n < s->listed[p]; n++) {
        const int i = s->list[p][n];
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
  if (argc < 2) return 2;
  s = calloc(1, sizeof *s), b = calloc(1, sizeof *b), r = calloc(1, sizeof *r);
  load(argv[1]);
  make_world();
  teach();
  char line[64];
  puts("ready");
  fflush(stdout);
  while (fgets(line, sizeof line, stdin)) {
    if (line[0] == 'c') check();
    else timed(atof(line));
    fflush(stdout);
  }
  return 0;
}
