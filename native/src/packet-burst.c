/* Receiving through the ring of a packet socket, and sending, a burst per call: packet.h. */
#include "packet.h"
#include "unfinished.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <string.h>
#include <sys/socket.h>

#define SEND_AT_ONCE 64
#define TAG_BYTES 4
/* Less than a large slot of the arena holds, more than 64 KB of IP packet in an Ethernet frame with two tags. */
#define LONGEST 65800
#define ADDRESSES 12
/* Looks at a slot that is being written while the one behind it is ready, before the burst ends. */
#define PATIENCE 2000

static struct tpacket2_hdr *slot_at(const Packet *packet, uint32_t number) {
  uint32_t block = number / packet->slots_per_block;
  uint32_t within = number % packet->slots_per_block;
  return (struct tpacket2_hdr *)(packet->ring + (size_t)block * BLOCK_BYTES + (size_t)within * packet->slot_bytes);
}

static bool is_ready(const struct tpacket2_hdr *slot) {
  return __atomic_load_n(&slot->tp_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER;
}

static uint32_t after(const Packet *packet, uint32_t number) { return number + 1 == packet->slots ? 0 : number + 1; }

/*
 * The next slot, or NULL. Processors write slots in parallel: a frame that is done behind one that is not is waited
 * for, for about the time that a copy takes.
 */
static struct tpacket2_hdr *next_slot(const Packet *packet) {
  struct tpacket2_hdr *slot = slot_at(packet, packet->head);
  if (is_ready(slot)) return slot;
  const struct tpacket2_hdr *behind = slot_at(packet, after(packet, packet->head));
  for (int i = 0; i < PATIENCE && is_ready(behind); i++)
    if (is_ready(slot)) return slot;
  return is_ready(slot) ? slot : NULL;
}

static void give_back(Packet *packet, struct tpacket2_hdr *slot) {
  __atomic_store_n(&slot->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
  packet->head = after(packet, packet->head);
}

/* What the host or we ourselves sent: members of a group get to see it where the kernel does not hold it back. */
static bool is_outgoing(const struct tpacket2_hdr *slot) {
  const uint8_t *behind = (const uint8_t *)slot + TPACKET_ALIGN(sizeof *slot);
  return ((const struct sockaddr_ll *)behind)->sll_pkttype == PACKET_OUTGOING;
}

static uint32_t put_tag(uint8_t *at, const struct tpacket2_hdr *slot) {
  if (!(slot->tp_status & TP_STATUS_VLAN_VALID)) return 0;
  uint16_t tpid = htons(slot->tp_status & TP_STATUS_VLAN_TPID_VALID ? slot->tp_vlan_tpid : ETH_P_8021Q);
  uint16_t tci = htons(slot->tp_vlan_tci);
  memcpy(at, &tpid, sizeof tpid);
  memcpy(at + 2, &tci, sizeof tci);
  return TAG_BYTES;
}

/* Reads the frame that is queued whole behind its slot, to `at` (NULL: away). Returns whether it is all there. */
static bool read_queued(int fd, uint8_t *at, size_t length, uint32_t tag, uint8_t *header) {
  uint8_t nowhere[1];
  struct iovec parts[3] = {{header, VNET_HDR_BYTES}, {at ? at : nowhere, at ? ADDRESSES : 0}, {nowhere, 0}};
  if (at) parts[2] = (struct iovec){at + ADDRESSES + tag, length - ADDRESSES};
  struct msghdr message = {.msg_iov = parts, .msg_iovlen = 3};
  ssize_t n;
  do n = recvmsg(fd, &message, MSG_DONTWAIT);
  while (n < 0 && errno == EINTR);
  return at && n == (ssize_t)(VNET_HDR_BYTES + length) && !(message.msg_flags & MSG_TRUNC);
}

/*
 * packetReadBurst(fd, arena, off, len, gso, csum, first, max, capacity, maxBytes, report) -> frames
 *
 * Fills rows as tapReadBurst does. A frame that is longer than `capacity` stays, ends the burst, and its length is told
 * in report[2], so that a larger slot can be offered for it; one that is longer than any slot is thrown away.
 */
napi_value packet_read_burst(napi_env env, napi_callback_info info) {
  napi_value argv[11];
  int fd = -1;
  Packet *packet;
  Incoming in;
  Column report;
  if (!args_read(env, info, 11, argv) || !(packet = arg_state(env, argv[0], OWNED_PACKET, &fd)) ||
      !arg_incoming(env, argv + 1, &in) || !arg_report_long(env, argv[10], &report))
    return NULL;
  int64_t row = in.first;
  int64_t bytes = 0;
  int32_t lost = 0;
  int32_t longer = 0;
  int error = 0;
  while (row < in.first + in.max && bytes < in.max_bytes) {
    struct tpacket2_hdr *slot = next_slot(packet);
    if (slot == NULL) {
      /* Woken for nothing: the interface went down, which the socket says once. */
      socklen_t size = sizeof error;
      if (row == in.first) getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
      break;
    }
    uint32_t tag = slot->tp_status & TP_STATUS_VLAN_VALID ? TAG_BYTES : 0;
    uint32_t length = slot->tp_len;
    bool queued = (slot->tp_status & TP_STATUS_COPY) != 0;
    if (is_outgoing(slot)) {
      uint8_t unread[VNET_HDR_BYTES];
      if (queued) read_queued(fd, NULL, length, 0, unread);
      give_back(packet, slot);
      continue;
    }
    bool is_frame = length >= ADDRESSES && length + tag <= LONGEST && (queued || slot->tp_snaplen == length);
    if (is_frame && length + tag > in.capacity) {
      longer = (int32_t)(length + tag);
      break;
    }
    uint8_t header[VNET_HDR_BYTES];
    if (is_frame) {
      uint8_t *at = incoming_at(env, &in, row);
      if (at == NULL) return NULL;
      if (queued) {
        is_frame = read_queued(fd, at, length, tag, header);
      } else {
        const uint8_t *frame = (const uint8_t *)slot + slot->tp_mac;
        memcpy(header, frame - VNET_HDR_BYTES, VNET_HDR_BYTES);
        memcpy(at, frame, ADDRESSES);
        memcpy(at + ADDRESSES + tag, frame + ADDRESSES, length - ADDRESSES);
      }
      if (is_frame) {
        put_tag(at + ADDRESSES, slot);
        incoming_row(&in, row, length + tag, header, tag);
        if (header[1] != 0 && is_in_tunnel(at, length + tag, le16(header + 6) + tag)) in.gso.at[row] |= IN_TUNNEL;
        row++;
        bytes += length + tag;
      }
    } else if (queued) {
      read_queued(fd, NULL, length, 0, header);
    }
    if (!is_frame) lost++;
    give_back(packet, slot);
  }
  report.at[REPORT_ERRNO] = error;
  report.at[REPORT_FRAMES] = lost;
  report.at[REPORT_LONG] = longer;
  return make_int(env, row - in.first);
}

/*
 * packetWriteBurst(fd, arena, list, start, count, off, len, altHeadOff, altHeadLen, altOff, altLen, gso, csum, report)
 * -> frames taken
 */
napi_value packet_write_burst(napi_env env, napi_callback_info info) {
  napi_value argv[14];
  int fd = -1;
  Packet *packet;
  Outgoing out;
  Column report;
  if (!args_read(env, info, 14, argv) || !(packet = arg_state(env, argv[0], OWNED_PACKET, &fd)) ||
      !arg_outgoing(env, argv + 1, &out) || !arg_report(env, argv[13], &report))
    return NULL;
  struct mmsghdr messages[SEND_AT_ONCE];
  struct iovec parts[SEND_AT_ONCE][FRAME_PARTS];
  uint8_t headers[SEND_AT_ONCE][VNET_HDR_BYTES];
  memset(messages, 0, sizeof messages);
  int64_t taken = 0;
  int32_t refused = 0;
  int error = 0;
  int64_t at = out.start;
  while (at < out.end) {
    /* In the order of the list: a run of frames by the one socket, then a run by the other. */
    bool plain = outgoing_is_plain(&out, at);
    unsigned ready = 0;
    for (; ready < SEND_AT_ONCE && at + ready < out.end; ready++) {
      if (ready > 0 && outgoing_is_plain(&out, at + ready) != plain) break;
      int used = outgoing_parts(env, &out, at + ready, plain ? NULL : headers[ready], parts[ready]);
      if (used == 0) return NULL;
      messages[ready].msg_hdr.msg_iov = parts[ready];
      messages[ready].msg_hdr.msg_iovlen = (size_t)used;
    }
    unsigned done = 0;
    while (done < ready) {
      int n = sendmmsg(plain ? packet->plain_fd : fd, messages + done, ready - done, MSG_DONTWAIT);
      if (n > 0) {
        taken += n;
        done += (unsigned)n;
        continue;
      }
      if (errno == EINTR) continue;
      /* ENOBUFS: the queue of the interface is full. */
      if (errno == EAGAIN || errno == ENOBUFS) goto out;
      error = errno;
      if (!is_of_one_frame(error)) goto out;
      refused++;
      done++;
    }
    at += ready;
  }
out:
  report.at[REPORT_ERRNO] = error;
  report.at[REPORT_FRAMES] = refused;
  return make_int(env, taken);
}
