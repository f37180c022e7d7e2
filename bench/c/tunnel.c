#include "tunnel.h"

#include <string.h>

enum { UDP = 17, TCP = 6, I_FLAG = 0x08000000, SHORTEST = OUTER + 14 + 28, RX_DONE = 1 << 2 };

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

static inline void put16(uint8_t *p, uint16_t v) {
  v = __builtin_bswap16(v);
  memcpy(p, &v, 2);
}

static inline void put32(uint8_t *p, uint32_t v) {
  v = __builtin_bswap32(v);
  memcpy(p, &v, 4);
}

static inline uint32_t hash_address(uint32_t address) {
  uint32_t h = address * 0x85ebca6bu;
  h = (h ^ (h >> 15)) * 0xc2b2ae35u;
  return (h ^ (h >> 13)) >> 7;
}

static inline uint32_t hash_vni(uint32_t shifted) {
  uint32_t h = (shifted >> 8) * 0x9e3779b1u;
  return (h ^ (h >> 15)) >> 3;
}

void add_remote(Tunnels *t, int row, Remote remote) {
  t->remotes[row] = remote;
  uint32_t at = hash_address(remote.address);
  while (t->remote_index[at % INDEX]) at++;
  t->remote_index[at % INDEX] = (uint16_t)(row + 1);
}

void add_vni(Tunnels *t, int row, Vni vni, int vid) {
  t->vnis[row] = vni;
  t->vni_of_vid[vid] = (uint16_t)row;
  uint32_t at = hash_vni(vni.shifted);
  while (t->vni_index[at % INDEX]) at++;
  t->vni_index[at % INDEX] = (uint16_t)row;
}

static int find_remote(const Tunnels *t, uint32_t address) {
  for (uint32_t at = hash_address(address);; at++) {
    int row = t->remote_index[at % INDEX] - 1;
    if (row < 0 || t->remotes[row].address == address) return row;
  }
}

static int find_vni(const Tunnels *t, uint32_t shifted) {
  for (uint32_t at = hash_vni(shifted);; at++) {
    int row = t->vni_index[at % INDEX];
    if (row == 0 || t->vnis[row].shifted == shifted) return row;
  }
}

/* Whether the outer headers say that the frame is a plain VXLAN packet for us; decap-lane.ts says why each. */
static inline int is_ours(const Tunnels *t, const uint8_t *p, int len) {
  if (be16(p) != t->mac_high || be32(p + 2) != t->mac_low) return 0;
  const uint32_t type = be32(p + 12), length = be32(p + 16), fragment = be32(p + 20);
  if ((type & ~0xfcu) != 0x08004500u || (int)(length >> 16) != len - 14 || (fragment & 0x3fff00ff) != UDP) return 0;
  const uint32_t from = be32(p + 26), to = be32(p + 30);
  if (to != t->address || from == to) return 0;
  uint32_t sum = (type & 0xffff) + (length >> 16) + (length & 0xffff) + (fragment >> 16) + (fragment & 0xffff);
  sum += be16(p + 24) + (from >> 16) + (from & 0xffff) + (to >> 16) + (to & 0xffff);
  sum = (sum & 0xffff) + (sum >> 16);
  if (((sum + (sum >> 16)) & 0xffff) != 0xffff) return 0;
  if (be16(p + 36) != t->udp_port || be32(p + 38) != (uint32_t)(len - 34) << 16) return 0;
  return be32(p + 42) == I_FLAG && (be32(p + 46) & 0xff) == 0;
}

/* Whether the inner frame may come out: no tag, not our own, not VXLAN again. */
static inline int may_enter(const Tunnels *t, const uint8_t *p) {
  const uint32_t type = be16(p + 12);
  if (type == 0x8100 || type == 0x88a8 || type == 0x9100 || type == 0x86dd) return 0;
  if (be16(p + 6) == t->mac_high && be32(p + 8) == t->mac_low) return 0;
  return type != 0x0800 || (p[14] == 0x45 && !(p[23] == UDP && be16(p + 36) == t->udp_port));
}

static void decap(Switch *s, Tunnels *t, Batch *b) {
  uint32_t source = 0, segment = 0;
  int peer = -1, vni = 0, frames = 0, bytes = 0;
  t->decapped = 0;
  for (int i = 0; i < b->count; i++) {
    if (b->port[i] != t->uplink) continue;
    const int len = b->len[i];
    uint8_t *p = s->arena + b->off[i];
    frames++, bytes += len;
    b->rx_flags[i] = RX_DONE;
    if (len < SHORTEST || t->gso[i] || t->csum[i] || !is_ours(t, p, len)) continue;
    if (be32(p + 26) != source || peer < 0) source = be32(p + 26), peer = find_remote(t, source);
    if (peer < 0 || !(t->remotes[peer].flags & REMOTE_ALLOWED)) continue;
    if (be32(p + 46) != segment || !vni) segment = be32(p + 46), vni = find_vni(t, segment);
    if (!vni || !may_enter(t, p + OUTER)) continue;
    const int inner = len - OUTER;
    Remote *r = &t->remotes[peer];
    Vni *v = &t->vnis[vni];
    r->rx_frames++, r->rx_bytes += inner;
    v->rx_frames++, v->rx_bytes += inner;
    b->rx_flags[i] = 0;
    b->port[i] = v->port;
    b->off[i] += OUTER;
    b->len[i] = inner;
    t->remote[i] = peer;
    t->vni[i] = vni;
    t->decapped++;
    if (v->tag) {
      memmove(p + OUTER - 4, p + OUTER, 12);
      put32(p + OUTER + 8, v->tag);
      b->off[i] -= 4, b->len[i] += 4;
    }
  }
  Counters *port = &s->port_counters[t->uplink], *none = &s->fid_counters[0];
  port->rx_frames += frames, port->rx_bytes += bytes;
  none->rx_frames += frames, none->rx_bytes += bytes;
}

/* Who is behind which remote. */
static void learn(Switch *s, Tunnels *t, Batch *b) {
  const FdbView view = fdb_view(t->fdb);
  for (int first = 0; first < b->count; first += CHUNK) {
    const int end = first + CHUNK < b->count ? first + CHUNK : b->count;
    uint64_t keys[CHUNK];
    for (int i = first; i < end; i++) {
      const uint8_t *p = s->arena + b->off[i];
      keys[i - first] = fdb_key(be16(p + 6), be32(p + 8), (uint32_t)t->vni[i]);
      __builtin_prefetch(view.rec + fdb_slot(&view, keys[i - first]));
    }
    for (int i = first; i < end; i++) {
      const uint64_t key = keys[i - first];
      const uint32_t vni = (uint32_t)t->vni[i], remote = (uint32_t)t->remote[i];
      if (b->rx_flags[i] || b->port[i] != t->tunnel || !b->fid[i] || (b->reason[i] && b->reason[i] < 28)) continue;
      if (!(t->vnis[vni].flags & VNI_LEARNS)) continue;
      Record *r = fdb_probe(&view, key);
      const int32_t now = b->now[i];
      if (r && r->word3 == (fdb_generation(t->fdb, remote, vni) << GENERATION_SHIFT | remote)) {
        if ((uint32_t)(now - r->stamp) >= REFRESH_MS) fdb_refresh(t->fdb, (uint32_t)(r - view.rec), remote, now);
      } else {
        fdb_learn(t->fdb, r, key, remote, now);
      }
    }
  }
}

/* The flow of the packet in the frame at `p`, as inner-flow.ts hashes it. */
static inline uint32_t flow_of(const uint8_t *p, int len) {
  const int upper = 14 + (p[14] & 15) * 4;
  uint32_t h = be32(p + 26) * 0x9e3779b1u ^ be32(p + 30);
  h = (h ^ (h >> 15)) * 0x85ebca6bu ^ p[23];
  if (!(be16(p + 20) & 0x3fff) && (p[23] == TCP || p[23] == UDP) && upper + 4 <= len) h ^= be32(p + upper);
  h = (h ^ (h >> 16)) * 0xc2b2ae35u;
  return h ^ (h >> 15);
}

static void encap(Switch *s, Tunnels *t, Batch *b) {
  const FdbView view = fdb_view(t->fdb);
  const int32_t *list = s->list[t->tunnel];
  const int count = s->listed[t->tunnel];
  int row = 0, frames = 0, bytes = 0;
  for (int first = 0; first < count; first += CHUNK) {
    const int end = first + CHUNK < count ? first + CHUNK : count;
    uint64_t keys[CHUNK];
    for (int k = first; k < end; k++) {
      const uint8_t *p = s->arena + b->off[list[k]];
      keys[k - first] = fdb_key(be16(p), be32(p + 2), t->vni_of_vid[b->vid[list[k]]]);
      __builtin_prefetch(view.rec + fdb_slot(&view, keys[k - first]));
    }
    for (int k = first; k < end; k++) {
      const int i = list[k], len = b->len[i];
      if (i >= BATCH || b->copies[i] != 1 || t->gso[i] || len < 34) continue;
      const uint32_t vni = t->vni_of_vid[b->vid[i]];
      Vni *v = &t->vnis[vni];
      if (!vni || (v->flags & (VNI_CHECKSUM | VNI_DF)) != VNI_DF) continue;
      uint8_t *p = s->arena + b->off[i];
      if (be16(p + 12) != 0x0800) continue;
      const Record *found = fdb_probe(&view, keys[k - first]);
      if (!found) continue;
      const uint32_t remote = found->word3 & PORT_MASK;
      if (!(found->word3 & KIND_MASK) && (found->word3 >> GENERATION_SHIFT != fdb_generation(t->fdb, remote, vni) ||
                                          b->now[i] - found->stamp > t->fdb->fid_age_ms[vni]))
        continue;
      Remote *r = &t->remotes[remote];
      if ((r->flags & (REMOTE_RESOLVED | REMOTE_IPV6 | REMOTE_LIST)) != REMOTE_RESOLVED || r->tag) continue;
      if (len + OUTER - 14 > r->max_ip) continue;

      const uint32_t inner_tos = p[15], ecn = inner_tos & 3, total = (uint32_t)len + OUTER - 14;
      const uint32_t tos = ((v->flags & VNI_TOS_INHERIT ? inner_tos : v->tos) & 0xfc) | (ecn == 3 ? 2 : ecn);
      const uint32_t ttl = v->flags & VNI_TTL_INHERIT ? p[22] : v->ttl;
      const uint32_t sport = v->sport + ((flow_of(p, len) >> 16) * v->sports >> 16);
      uint32_t sum = r->sum + 0x8500 + tos + total + (ttl << 8) + UDP;
      sum = (sum & 0xffff) + (sum >> 16);
      sum = (sum & 0xffff) + (sum >> 16);
      uint8_t *o = p - OUTER;
      put32(o, r->macs[0]), put32(o + 4, r->macs[1]), put32(o + 8, r->macs[2]);
      put32(o + 12, 0x08004500u | tos), put32(o + 16, total << 16), put32(o + 20, 0x40000000u | ttl << 8 | UDP);
      put16(o + 24, (uint16_t)~sum), put32(o + 26, r->source), put32(o + 30, r->address);
      put32(o + 34, sport << 16 | t->udp_port), put32(o + 38, ((uint32_t)len + 16) << 16);
      put32(o + 42, I_FLAG), put32(o + 46, v->shifted);

      t->out.slot[row] = t->slot[i];
      t->out.off[row] = b->off[i] - OUTER;
      t->out.len[row] = len + OUTER;
      t->out.port[row] = (int32_t)r->port;
      t->out.now[row] = b->now[i];
      t->out.time_us[row] = t->time_us[i];
      t->out.gso[row] = t->out.csum[row] = 0;
      t->out.list[row] = row;
      row++;
      r->tx_frames++, r->tx_bytes += len;
      v->tx_frames++, v->tx_bytes += len;
      frames++, bytes += len;
    }
  }
  t->out.count = row;
  s->listed[t->tunnel] = 0;
  s->port_counters[t->tunnel].delivered += frames;
}

void turn(Switch *s, Tunnels *t, Batch *b, int ports, Send send) {
  decap(s, t, b);
  forward(s, b);
  for (int p = 0; p < ports; p++) {
    if (!s->listed[p] || p == t->tunnel) continue;
    send(p, b->off, b->len, s->list[p], s->listed[p]);
    s->listed[p] = 0;
  }
  if (t->decapped) learn(s, t, b);
  if (s->listed[t->tunnel]) encap(s, t, b);
  if (t->out.count) send(t->uplink, t->out.off, t->out.len, t->out.list, t->out.count);
  t->out.count = 0;
}
