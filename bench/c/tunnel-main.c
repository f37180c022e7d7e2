/*
 * The driver around the C twin of VXLAN: the world and the frames of bench/tunnel-worker.ts, and its protocol.
 *
 *   tunnel-main encap|decap
 */
#include "tunnel.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { STRIDE = 33 * 64, HEADROOM = 128, FRAME = 64, FRAMES = 1024, BURST = 32, PORTS = 4, PEERS = 4, MACS = 5000 };
enum { UPLINK = PORTS, TUNNEL, ALL_PORTS, FAR = 0x10000, UNKNOWN = 0x7fffffff, SEGMENT = 5000, MTU = 1600, PVID = 10 };
enum { LOCAL_IP = (int)0xc0000201, PEER_IP = (int)0xc000020a };
enum { VTEP_LOW = 0xaa01, PEER_LOW = 0xaa02 };

static Switch *s;
static Tunnels *t;
static Batch *b;
static int is_encap, at;
static int32_t offs[FRAMES], lens[FRAMES], from[FRAMES], now_ms = 1000000;
static long sent_frames;
static double sent_bytes;
static uint32_t digest;

static double now_ns(void) {
  struct timespec n;
  clock_gettime(CLOCK_MONOTONIC, &n);
  return n.tv_sec * 1e9 + n.tv_nsec;
}

static void put16(uint8_t *p, uint32_t v) { p[0] = (uint8_t)(v >> 8), p[1] = (uint8_t)v; }
static void put32(uint8_t *p, uint32_t v) { put16(p, v >> 16), put16(p + 2, v); }

/* A device that takes everything. */
static int take(int port, const int32_t *off, const int32_t *len, const int32_t *list, int count) {
  double bytes = 0;
  for (int k = 0; k < count; k++) bytes += len[list[k]];
  (void)port, (void)off;
  sent_frames += count, sent_bytes += bytes;
  return count;
}

/* The same, and looks: FNV-1a over port, length and bytes. */
static int look(int port, const int32_t *off, const int32_t *len, const int32_t *list, int count) {
#define MIX(byte) digest = (digest ^ (uint8_t)(byte)) * 0x01000193u
  for (int k = 0; k < count; k++) {
    const int i = list[k];
    MIX(port), MIX(port >> 8), MIX(len[i]), MIX(len[i] >> 8);
    for (int j = 0; j < len[i]; j++) MIX(s->arena[off[i] + j]);
  }
  return count;
}

static void make_world(void) {
  s = calloc(1, sizeof *s), b = calloc(1, sizeof *b), t = calloc(1, sizeof *t);
  s->fdb = fdb_create(65536, ALL_PORTS, 65536, 12345);
  t->fdb = fdb_create(65536, REMOTES, 65536, 54321);
  s->width = 2, s->min_mtu = 1500;
  s->member = calloc(MAX_FIDS * s->width, 4), s->untagged = calloc(MAX_FIDS * s->width, 4);
  s->fid_of[PVID] = 1;
  for (int p = 0; p < ALL_PORTS; p++) {
    if (p == UPLINK) continue;
    s->flags[p] =
        PORT_UP | PORT_STATE_LEARNS | PORT_STATE_FORWARDS | PORT_LEARNING | PORT_INGRESS_FILTERING | PORT_ACCEPT_UNTAGGED;
    s->pvid[p] = PVID, s->tpid[p] = s->push_tpid[p] = 0x8100, s->mtu[p] = 1500;
    for (int q = 0; q < ALL_PORTS; q++)
      if (q != p && q != UPLINK) s->reach[p][0] |= 1u << q;
    for (int k = 0; k < 3; k++) s->takes[k][0] |= 1u << p;
    s->member[s->width] |= 1u << p, s->untagged[s->width] |= 1u << p;
  }
  t->uplink = UPLINK, t->tunnel = TUNNEL;
  t->mac_high = 0x0200, t->mac_low = VTEP_LOW, t->address = (uint32_t)LOCAL_IP, t->udp_port = 4789;
  for (uint32_t r = 0; r < PEERS; r++) {
    const uint32_t address = (uint32_t)PEER_IP + r, own = (uint32_t)LOCAL_IP;
    add_remote(t, (int)r,
               (Remote){.macs = {0x02000000u, PEER_LOW << 16 | 0x0200, VTEP_LOW},
                        .source = own,
                        .address = address,
                        .sum = (own >> 16) + (own & 0xffff) + (address >> 16) + (address & 0xffff),
                        .flags = REMOTE_RESOLVED | REMOTE_ALLOWED,
                        .port = UPLINK,
                        .max_ip = MTU});
  }
  const uint32_t flags = VNI_LEARNS | VNI_TOS_INHERIT | VNI_DF;
  add_vni(t, 1,
          (Vni){.shifted = SEGMENT << 8, .flags = flags, .ttl = 64, .sport = 49152, .sports = 16384, .port = TUNNEL}, PVID);
  s->arena = aligned_alloc(4096, ((size_t)FRAMES * STRIDE + 65536 + 4095) / 4096 * 4096);
}

static void inner(uint8_t *p, uint32_t destination, uint32_t source) {
  for (uint32_t j = 14; j < FRAME; j++) p[j] = (uint8_t)((source + j) * 0x9e37u >> 8);
  put16(p, 0x0200), put32(p + 2, destination), put16(p + 6, 0x0200), put32(p + 8, source), put16(p + 12, 0x0800);
  put32(p + 14, 0x45000000u | (FRAME - 14)), put32(p + 18, 0), put32(p + 22, 0x40110000u);
  put32(p + 26, 0x0a000000u | (source & 0xffff)), put32(p + 30, 0x0a010000u | (destination & 0xffff));
  put32(p + 34, (1024 + (source & 0x3ff)) << 16 | 53), put32(p + 38, (FRAME - 34) << 16);
}

static void outer(uint8_t *frame, uint32_t remote) {
  uint8_t *p = frame - OUTER;
  put16(p, 0x0200), put32(p + 2, VTEP_LOW), put16(p + 6, 0x0200), put32(p + 8, PEER_LOW), put16(p + 12, 0x0800);
  p += 14;
  put32(p, 0x45000000u | (FRAME + OUTER - 14)), put32(p + 4, 0x4000), put32(p + 8, 0x40110000u);
  put32(p + 12, (uint32_t)PEER_IP + remote), put32(p + 16, (uint32_t)LOCAL_IP);
  uint32_t sum = 0;
  for (int j = 0; j < 20; j += 2) sum += (uint32_t)(p[j] << 8 | p[j + 1]);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  put16(p + 10, ~sum);
  put32(p + 20, 50000u << 16 | 4789), put32(p + 24, (FRAME + 16) << 16), put32(p + 28, 0x08000000u);
  put32(p + 32, SEGMENT << 8);
}

static uint32_t below(uint32_t n) {
  static uint32_t state = 1;
  state = state * 1664525u + 1013904223u;
  return (uint32_t)((uint64_t)state * n >> 32);
}

static void teach_one(int port, uint32_t source, int remote) {
  uint8_t *p = s->arena + HEADROOM;
  inner(p, UNKNOWN, source);
  if (remote >= 0) outer(p, (uint32_t)remote);
  b->count = 1, b->now[0] = now_ms, b->rx_flags[0] = 0, b->port[0] = port;
  b->off[0] = HEADROOM - (remote < 0 ? 0 : OUTER), b->len[0] = FRAME + (remote < 0 ? 0 : OUTER);
  turn(s, t, b, ALL_PORTS, take);
}

static void teach(void) {
  for (uint32_t m = 0; m < MACS; m++) {
    teach_one((int)(m % PORTS), m, -1);
    teach_one(UPLINK, FAR + m, (int)(m % PEERS));
  }
}

static void lay(void) {
  for (uint32_t i = 0; i < FRAMES; i++) {
    const uint32_t port = i / BURST % PORTS, local = below(MACS / PORTS) * PORTS + port, remote = below(MACS);
    const int32_t off = (int32_t)i * STRIDE + HEADROOM;
    uint8_t *p = s->arena + off;
    inner(p, is_encap ? FAR + remote : local, is_encap ? local : FAR + remote);
    if (!is_encap) outer(p, remote % PEERS);
    offs[i] = is_encap ? off : off - OUTER;
    lens[i] = is_encap ? FRAME : FRAME + OUTER;
    from[i] = is_encap ? (int32_t)port : UPLINK;
  }
}

static void forward_next(Send send) {
  b->count = BATCH;
  memcpy(b->off, offs + at, sizeof b->off);
  memcpy(b->len, lens + at, sizeof b->len);
  memcpy(b->port, from + at, sizeof b->port);
  for (int j = 0; j < BATCH; j++) b->now[j] = now_ms;
  at = (at + BATCH) % FRAMES;
  turn(s, t, b, ALL_PORTS, send);
}

static void timed(double seconds) {
  const double start = now_ns(), end = start + seconds * 1e9;
  double now = start;
  long done = 0;
  while (now < end) {
    forward_next(take);
    done += BATCH;
    now = now_ns();
    now_ms = 1000000 + (int32_t)((now - start) / 1e6);
  }
  printf("%ld %.0f\n", done, now - start);
}

static void tell_digest(void) {
  digest = 0x811c9dc5u;
  for (at = 0;;) {
    forward_next(look);
    if (at == 0) break;
  }
  printf("%u\n", digest);
}

int main(int argc, char **argv) {
  if (argc < 2) return 2;
  is_encap = strcmp(argv[1], "encap") == 0;
  make_world();
  teach();
  lay();
  char line[64];
  puts("ready");
  fflush(stdout);
  while (fgets(line, sizeof line, stdin)) {
    if (line[0] == 'd') tell_digest();
    else timed(atof(line));
    fflush(stdout);
  }
  return 0;
}
