/*
 * Sending outer Ethernet frames as datagrams.
 *
 * The headers are taken apart again: destination, source port, TTL, TOS and DF go to the kernel with the datagram,
 * everything else it makes itself. The frames of a burst are sorted by pool socket (which keeps the order of every
 * flow). A super-frame becomes the datagrams of its segments.
 *
 * What is exact: destination, port, TTL, TOS, DF, payload. The source port is that of the pool socket for the
 * header's port: stable per flow, one of at most 64. A checksum of 0 is sent as 0 until a socket has sent segments,
 * which must have one. The IPv4 identification and the IPv6 flow label are the kernel's.
 */
#include "udp-outbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The list words of src/dataplane/batch.ts. */
#define SHAPE_ALT (1 << 16)
#define INDEX_MASK 0xffff

#define REPORT_ERRNO 0
#define REPORT_FRAMES 1
#define REPORT_NOTICES 2
#define REPORT_ICMP 3
#define REPORT_WORDS 4

bool udp_outbox_make(Udp *udp) {
  udp->outbox = calloc(1, sizeof *udp->outbox);
  return udp->outbox != NULL;
}

void udp_outbox_free(Udp *udp) { free(udp->outbox); }

/* Reads the outer headers; their length, or 0 for what is no UDP datagram of the underlay's family. */
static size_t read_outer(const Udp *udp, const struct iovec *frame, int parts, Flow *out) {
  uint8_t head[ETHERNET_BYTES + IPV6_BYTES + UDP_BYTES];
  size_t ip_bytes = udp->family == AF_INET ? IPV4_BYTES : IPV6_BYTES;
  size_t outer = ETHERNET_BYTES + ip_bytes + UDP_BYTES;
  if (udp_gather(frame, parts, 0, head, outer) < outer) return 0;
  const uint8_t *ip = head + ETHERNET_BYTES;
  const uint8_t *datagram = ip + ip_bytes;
  memset(out, 0, sizeof *out);
  if (udp->family == AF_INET) {
    if (be16(head + 12) != 0x0800 || ip[0] != 0x45 || ip[9] != IPPROTO_UDP) return 0;
    out->tos = ip[1];
    out->ttl = ip[8];
    out->dont_fragment = (ip[6] & 0x40) != 0;
    memcpy(out->source, ip + 12, 4);
    memcpy(out->destination, ip + 16, 4);
  } else {
    if (be16(head + 12) != 0x86dd || ip[0] >> 4 != 6 || ip[6] != IPPROTO_UDP) return 0;
    out->tos = (uint8_t)(ip[0] << 4 | ip[1] >> 4);
    out->ttl = ip[7];
    out->dont_fragment = true;
    memcpy(out->source, ip + 8, 16);
    memcpy(out->destination, ip + 24, 16);
  }
  out->source_port = be16(datagram);
  out->port = be16(datagram + 2);
  out->no_check = be16(datagram + 6) == 0;
  return outer;
}

static void refuse(Outbox *outbox, int error) {
  outbox->refused++;
  outbox->error = error;
}

/* Sorts what was gathered by pool socket and sends it. */
static void send_gathered(Udp *udp) {
  Outbox *outbox = udp->outbox;
  int first[POOL_MAX], last[POOL_MAX];
  memset(first, -1, sizeof first);
  for (int i = 0; i < outbox->datagram_count; i++) {
    Datagram *datagram = &outbox->datagrams[i];
    datagram->next = -1;
    SendSocket *sender = udp_pool_socket(udp, datagram->flow->source_port);
    if (sender == NULL) {
      if (datagram->ends_row) refuse(outbox, errno);
      continue;
    }
    int at = (int)(sender - udp->pool);
    if (first[at] < 0) first[at] = i;
    else outbox->datagrams[last[at]].next = i;
    last[at] = i;
  }
  for (int i = 0; i < udp->pool_size; i++)
    if (first[i] >= 0) udp_send_chain(udp, &udp->pool[i], first[i]);
  outbox->flow_count = outbox->datagram_count = 0;
}

/* Puts a frame with what was gathered; sends that first when there is no room. */
static void gather_frame(Udp *udp, const struct iovec *frame, int parts, uint32_t gso, uint32_t csum) {
  Outbox *outbox = udp->outbox;
  for (int tries = 0; tries < 2; tries++) {
    if (outbox->flow_count == ROWS) send_gathered(udp);
    Flow *flow = &outbox->flows[outbox->flow_count];
    size_t outer = read_outer(udp, frame, parts, flow);
    bool full = false;
    if (outer > 0 && udp_cut(outbox, frame, parts, outer, gso, csum, flow, &full)) {
      outbox->flow_count++;
      return;
    }
    if (!full || outbox->datagram_count == 0) break;
    send_gathered(udp);
  }
  refuse(outbox, EINVAL);
}

/*
 * udpSendBurst(fd, arena, list, start, count, off, len, altHeadOff, altHeadLen, altOff, altLen, gso, csum, report)
 *   -> frames taken
 *
 * gso and csum describe the frame at (off, len); the other shape may be longer or shorter in front of what they cover.
 *
 * Report: errno of the last frame that was refused, frames refused, notices that wait for udpNotices, errors that the
 * network reported about earlier datagrams.
 */
napi_value udp_send_burst(napi_env env, napi_callback_info info) {
  napi_value argv[14];
  int fd;
  Udp *udp;
  Bytes arena;
  Column list, report, columns[8];
  static const char *const names[8] = {"off", "len", "altHeadOff", "altHeadLen", "altOff", "altLen", "gso", "csum"};
  int64_t start, count;
  if (!args_read(env, info, 14, argv) || !(udp = arg_state(env, argv[0], OWNED_UDP, &fd)) ||
      !arg_bytes(env, argv[1], "arena", &arena) || !arg_column(env, argv[2], "list", &list) ||
      !arg_int(env, argv[3], "start", 0, INT32_MAX, &start) || !arg_int(env, argv[4], "count", 0, INT32_MAX, &count))
    return NULL;
  size_t rows = SIZE_MAX;
  for (int i = 0; i < 8; i++) {
    if (!arg_column(env, argv[5 + i], names[i], &columns[i])) return NULL;
    if (columns[i].count < rows) rows = columns[i].count;
  }
  if (!arg_column(env, argv[13], "report", &report)) return NULL;
  if ((size_t)(start + count) > list.count || report.count < REPORT_WORDS) {
    throw_range(env, "words %lld to %lld are outside the list, or the report is too short", (long long)start,
                (long long)(start + count));
    return NULL;
  }
  Outbox *outbox = udp->outbox;
  outbox->sent = outbox->refused = outbox->icmp = outbox->error = 0;
  outbox->flow_count = outbox->datagram_count = 0;
  for (int64_t at = start; at < start + count; at++) {
    uint32_t word = (uint32_t)list.at[at];
    uint32_t row = word & INDEX_MASK;
    int64_t offsets[2] = {0, 0}, lengths[2] = {0, 0};
    int parts = word & SHAPE_ALT ? 2 : 1;
    if (row < rows) {
      offsets[0] = columns[parts == 2 ? 2 : 0].at[row];
      lengths[0] = columns[parts == 2 ? 3 : 1].at[row];
      offsets[1] = parts == 2 ? columns[4].at[row] : 0;
      lengths[1] = parts == 2 ? columns[5].at[row] : 0;
    }
    if (row >= rows || !inside(&arena, offsets[0], lengths[0]) || !inside(&arena, offsets[1], lengths[1])) {
      throw_range(env, "list[%lld] names frame %u, which is outside the columns or the arena", (long long)at, row);
      return NULL;
    }
    struct iovec frame[2] = {{arena.at + offsets[0], (size_t)lengths[0]}, {arena.at + offsets[1], (size_t)lengths[1]}};
    uint32_t gso = (uint32_t)columns[6].at[row];
    uint32_t csum = (uint32_t)columns[7].at[row];
    int64_t shift = lengths[0] + lengths[1] - columns[1].at[row];
    if (parts == 2) csum = ((uint32_t)((csum & 0xffff) + shift) & 0xffff) | (csum & 0xffff0000);
    gather_frame(udp, frame, parts, gso, csum);
  }
  send_gathered(udp);
  report.at[REPORT_ERRNO] = outbox->error;
  report.at[REPORT_FRAMES] = outbox->refused;
  report.at[REPORT_NOTICES] = udp->notice_count;
  report.at[REPORT_ICMP] = outbox->icmp;
  return make_int(env, outbox->sent);
}
