/*
 * VXLAN of src/dataplane/vxlan in C, as far as S4 goes: the same tables, checks, columns, flow hash and counters, in front
 * of the data plane of switch.h and behind it. Frames that take the slow way there are dropped here.
 */
#ifndef TUNNEL_H
#define TUNNEL_H

#include "switch.h"

enum { REMOTES = 64, VNIS = 64, INDEX = 128, OUTER = 50, CHUNK = 32 };
enum { REMOTE_RESOLVED = 1 << 1, REMOTE_IPV6 = 1 << 2, REMOTE_ALLOWED = 1 << 3, REMOTE_LIST = 1 << 6 };
enum { VNI_LEARNS = 1 << 1, VNI_TTL_INHERIT = 1 << 3, VNI_TOS_INHERIT = 1 << 4, VNI_CHECKSUM = 1 << 5, VNI_DF = 1 << 6 };

typedef struct {
  uint32_t macs[3], tag, source, address, sum, flags, port;
  int max_ip;
  double rx_frames, rx_bytes, tx_frames, tx_bytes;
} Remote;

typedef struct {
  uint32_t shifted, tag, flags, ttl, tos, sport, sports;
  int port;
  double rx_frames, rx_bytes, tx_frames, tx_bytes;
} Vni;

/* What takes the frames of a port: words of a list, each an index into off and len. */
typedef int (*Send)(int port, const int32_t *off, const int32_t *len, const int32_t *list, int count);

typedef struct {
  uint32_t mac_high, mac_low, address, udp_port;
  Remote remotes[REMOTES];
  Vni vnis[VNIS];
  uint16_t remote_index[INDEX], vni_index[INDEX], vni_of_vid[4096];
  Fdb *fdb; /* (VNI row, inner MAC) -> remote row */
  int uplink, tunnel, decapped;
  /* columns of the batch that only tunnels and devices look at */
  int32_t gso[BATCH], csum[BATCH], slot[BATCH], remote[BATCH], vni[BATCH];
  double time_us[BATCH];
  /* what encapsulation has made */
  struct {
    int32_t off[BATCH], len[BATCH], port[BATCH], now[BATCH], gso[BATCH], csum[BATCH], slot[BATCH], list[BATCH];
    double time_us[BATCH];
    int count;
  } out;
} Tunnels;

void add_remote(Tunnels *t, int row, Remote remote);
void add_vni(Tunnels *t, int row, Vni vni, int vid);
/* A turn: out of tunnels, through the switch, to the devices and into tunnels. */
void turn(Switch *s, Tunnels *t, Batch *b, int ports, Send send);

#endif
