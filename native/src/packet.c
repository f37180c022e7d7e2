/*
 * Ports on interfaces that exist already: packet sockets (packet(7)) with a mapped receive ring.
 *
 * The ring is TPACKET_V2, a frame a slot, and not V3: a V3 block is handed over when it is full or when a timer of
 * milliseconds ends it, so that a ping waits for the timer at every switch, while a V2 slot is readable when it is
 * written. Slots are as large as ordinary frames. What is longer (a super-frame of 64 KB that the sender left whole)
 * the kernel queues behind its slot as it is (PACKET_COPY_THRESH), and it is read straight to where it belongs.
 *
 *   slot:  | status len snaplen mac net sec nsec vlan tci tpid | ... | virtio-net header 10 | frame ... |
 *            ^ tpacket2_hdr                                                                   ^ mac
 *
 * The kernel takes a frame's outer tag out before it comes here and puts it beside the frame; it is put back.
 * Whatever the sender left to the hardware (checksum, segmentation) is told by a virtio-net header (PACKET_VNET_HDR), in
 * both directions: what is sent with one, the kernel or the hardware finishes. Frames that need nothing, most of them,
 * leave by a second socket without the header, which saves the kernel a twentieth of its work (bench S8).
 *
 * Closing gives everything back: ring, promiscuous mode, membership of a fanout group.
 */
#include "frames.h"
#include "unfinished.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* An odd number of cache lines, as in src/dataplane/arena.ts: headers a power of two apart would share two cache sets. */
#define SLOT_UNIT 64
/* Bytes of a slot in front of the frame, tag and virtio header included, rounded up. */
#define SLOT_OVERHEAD 128
#define BLOCK_BYTES (1 << 16)
/* Frames longer than a slot that wait in the socket; also what may be on its way out. */
#define QUEUE_BYTES (16 << 20)
#define MAX_SLOTS 16384
#define SEND_AT_ONCE 64
#define TAG_BYTES 4
/* Less than a large slot of the arena holds, more than 64 KB of IP packet in an Ethernet frame with two tags. */
#define LONGEST 65800
#define ADDRESSES 12
/* Groups of `packetOpen`: none, and one that nobody has yet. */
#define NO_GROUP -1
#define NEW_GROUP -2
/* Linux 5.16; older kernels hand what is sent to the members of a group, where it is thrown away. */
#ifndef PACKET_FANOUT_FLAG_IGNORE_OUTGOING
#define PACKET_FANOUT_FLAG_IGNORE_OUTGOING 0x4000
#endif
/* Looks at a slot that is being written while the one behind it is ready, before the burst ends. */
#define PATIENCE 2000

typedef struct {
  uint8_t *ring;
  size_t bytes;
  uint32_t slot_bytes;
  uint32_t slots_per_block;
  uint32_t slots;
  uint32_t head;
  int index;
  int plain_fd;
  int group;
} Packet;

static void unmap(void *state) {
  Packet *packet = state;
  if (packet->ring) munmap(packet->ring, packet->bytes);
  if (packet->plain_fd >= 0) close(packet->plain_fd);
  free(packet);
}

static const char *hint_of(int error) {
  switch (error) {
    case EPERM:
    case EACCES:
      return "needs CAP_NET_RAW (root)";
    case ENODEV:
    case ENXIO:
      return "there is no such interface";
    case EAFNOSUPPORT:
      return "this kernel has no packet sockets";
    case ENOMEM:
      return "no memory for the ring";
    case EINVAL:
      return "this kernel is too old, or the fanout group has another kind of members";
    default:
      return NULL;
  }
}

static int set(int fd, int option, int value) {
  return setsockopt(fd, SOL_PACKET, option, &value, sizeof value) == 0 ? 0 : errno;
}

/* More than net.core.rmem_max allows where that is permitted, else as much as is. */
static void set_queue(int fd, int forced, int ordinary) {
  int bytes = QUEUE_BYTES;
  if (setsockopt(fd, SOL_SOCKET, forced, &bytes, sizeof bytes) < 0)
    setsockopt(fd, SOL_SOCKET, ordinary, &bytes, sizeof bytes);
}

static int make_ring(int fd, Packet *packet, uint32_t frame_bytes, uint32_t slots) {
  packet->slot_bytes = ((frame_bytes + SLOT_OVERHEAD + SLOT_UNIT - 1) / SLOT_UNIT | 1) * SLOT_UNIT;
  packet->slots_per_block = BLOCK_BYTES / packet->slot_bytes;
  uint32_t blocks = (slots + packet->slots_per_block - 1) / packet->slots_per_block;
  packet->slots = blocks * packet->slots_per_block;
  struct tpacket_req request = {
      .tp_block_size = BLOCK_BYTES,
      .tp_block_nr = blocks,
      .tp_frame_size = packet->slot_bytes,
      .tp_frame_nr = packet->slots,
  };
  if (setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &request, sizeof request) < 0) return errno;
  packet->bytes = (size_t)blocks * BLOCK_BYTES;
  void *at = mmap(NULL, packet->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (at == MAP_FAILED) return errno;
  packet->ring = at;
  return 0;
}

/* By flow: both directions of one come to the same member. Returns 0 or an errno. */
static int join_group(int fd, Packet *packet, int group) {
  bool is_new = group == NEW_GROUP;
  int id = is_new ? 0 : group;
  int kind = PACKET_FANOUT_HASH | (is_new ? PACKET_FANOUT_FLAG_UNIQUEID : 0);
  int error = set(fd, PACKET_FANOUT, id | (kind | PACKET_FANOUT_FLAG_IGNORE_OUTGOING) << 16);
  if (error == EINVAL) error = set(fd, PACKET_FANOUT, id | kind << 16);
  if (error) return error;
  socklen_t length = sizeof id;
  if (is_new && getsockopt(fd, SOL_PACKET, PACKET_FANOUT, &id, &length) < 0) return errno;
  packet->group = id & 0xffff;
  return 0;
}

/* Protocol 0: it sends, and receives nothing. */
static int open_plain(Packet *packet) {
  struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_ifindex = packet->index};
  packet->plain_fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (packet->plain_fd < 0) return errno;
  set_queue(packet->plain_fd, SO_SNDBUFFORCE, SO_SNDBUF);
  return bind(packet->plain_fd, (struct sockaddr *)&address, sizeof address) < 0 ? errno : 0;
}

/* Everything but the descriptor itself; returns 0 or an errno and says in `step` what it was at. */
static int set_up(int fd, const char name[IFNAMSIZ], Packet *packet, uint32_t frame_bytes, uint32_t slots, int group,
                  const char **step) {
  int error;
  *step = "ioctl(SIOCGIFHWADDR)";
  packet->group = NO_GROUP;
  packet->index = ethernet_index(name);
  if (packet->index < 0) return -packet->index;
  *step = "setsockopt(PACKET_VNET_HDR)";
  if ((error = set(fd, PACKET_VNET_HDR, 1))) return error;
  *step = "setsockopt(PACKET_VERSION)";
  if ((error = set(fd, PACKET_VERSION, TPACKET_V2))) return error;
  *step = "setsockopt(PACKET_COPY_THRESH)";
  if ((error = set(fd, PACKET_COPY_THRESH, 1))) return error;
  /* What the host and we ourselves send there would otherwise come back as received. */
  *step = "setsockopt(PACKET_IGNORE_OUTGOING)";
  if ((error = set(fd, PACKET_IGNORE_OUTGOING, 1))) return error;
  set_queue(fd, SO_RCVBUFFORCE, SO_RCVBUF);
  set_queue(fd, SO_SNDBUFFORCE, SO_SNDBUF);
  *step = "setsockopt(PACKET_RX_RING)";
  if ((error = make_ring(fd, packet, frame_bytes, slots))) return error;
  struct sockaddr_ll address = {
      .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = packet->index};
  *step = "bind";
  if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0) return errno;
  struct packet_mreq all = {.mr_ifindex = packet->index, .mr_type = PACKET_MR_PROMISC};
  *step = "setsockopt(PACKET_ADD_MEMBERSHIP)";
  if (setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof all) < 0) return errno;
  *step = "setsockopt(PACKET_FANOUT)";
  if (group != NO_GROUP && (error = join_group(fd, packet, group))) return error;
  *step = "socket(AF_PACKET)";
  return open_plain(packet);
}

typedef struct {
  Apart apart;
  char name[IFNAMSIZ];
  uint32_t frame_bytes, slots;
  int group;
  /* The answer: an errno, and what was being done; or 0 and these two. */
  int error;
  const char *step;
  int fd;
  Packet *packet;
} Opening;

static void discard(Opening *opening) {
  if (opening->packet) unmap(opening->packet);
  if (opening->fd >= 0) close(opening->fd);
  opening->packet = NULL;
  opening->fd = -1;
}

static void open_socket(Apart *apart) {
  Opening *opening = (Opening *)apart;
  opening->step = "socket(AF_PACKET)";
  /* Protocol 0: nothing is received before the socket is bound to its interface. */
  opening->fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  opening->error = opening->fd < 0 ? errno : 0;
  if (opening->error) return;
  opening->step = "open";
  opening->packet = calloc(1, sizeof *opening->packet);
  if (opening->packet) opening->packet->plain_fd = -1;
  opening->error = opening->packet == NULL ? ENOMEM
                                           : set_up(opening->fd, opening->name, opening->packet, opening->frame_bytes,
                                                    opening->slots, opening->group, &opening->step);
  if (opening->error) discard(opening);
}

/* The descriptor, owned; NULL with an exception. */
static napi_value take_over(napi_env env, Apart *apart, bool done) {
  Opening *opening = (Opening *)apart;
  int error = done ? opening->error : ECANCELED;
  if (!error && !owned_add(env, opening->fd, OWNED_PACKET, opening->packet, unmap, NULL)) {
    discard(opening);
    error = ENOMEM;
  }
  napi_value result =
      error ? throw_errno(env, error, opening->step, opening->name,
                          error == EMEDIUMTYPE ? "this interface does not carry Ethernet frames" : hint_of(error))
            : make_int(env, opening->fd);
  free(opening);
  return result;
}

/*
 * packetOpen(name, frameBytes, slots, group) -> a promise of a descriptor. Frames of up to frameBytes go through the ring;
 * `group` is that of the sockets that share the frames of an interface by flow; -1: none, -2: one that nobody has yet.
 */
napi_value packet_open(napi_env env, napi_callback_info info) {
  napi_value argv[4];
  char name[IFNAMSIZ] = "";
  int64_t frame_bytes, slots, group;
  if (!args_read(env, info, 4, argv) || !arg_name(env, argv[0], "name", name, sizeof name) ||
      !arg_int(env, argv[1], "frameBytes", 64, BLOCK_BYTES / 2, &frame_bytes) ||
      !arg_int(env, argv[2], "slots", 2, MAX_SLOTS, &slots) || !arg_int(env, argv[3], "group", NEW_GROUP, 65535, &group))
    return NULL;
  Opening *opening = calloc(1, sizeof *opening);
  if (opening == NULL) return throw_errno(env, ENOMEM, "open", name, NULL);
  *opening = (Opening){.apart = {.work = open_socket, .settle = take_over},
                       .frame_bytes = (uint32_t)frame_bytes,
                       .slots = (uint32_t)slots,
                       .group = (int)group,
                       .step = "open",
                       .fd = -1};
  memcpy(opening->name, name, sizeof name);
  return apart_begin(env, "etherloom: open", &opening->apart);
}

/* packetClose(fd) -> whether it was open */
napi_value packet_close(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  return args_read(env, info, 1, argv) ? owned_close(env, argv[0], OWNED_PACKET) : NULL;
}

/* packetGroup(fd) -> the number of its group, -1 without one */
napi_value packet_group(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  int fd = -1;
  Packet *packet;
  if (!args_read(env, info, 1, argv) || !(packet = arg_state(env, argv[0], OWNED_PACKET, &fd))) return NULL;
  return make_int(env, packet->group);
}

/* packetState(fd) -> 3 up without carrier, 2 up, 1 down, 0 gone: deleted, or moved to another network namespace */
napi_value packet_state(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  int fd = -1;
  Packet *packet;
  if (!args_read(env, info, 1, argv) || !(packet = arg_state(env, argv[0], OWNED_PACKET, &fd))) return NULL;
  return make_int(env, interface_state(packet->index));
}

/* packetMissed(fd) -> frames that found the ring or the queue full since the last question */
napi_value packet_missed(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  int fd = -1;
  if (!args_read(env, info, 1, argv) || !arg_owned(env, argv[0], OWNED_PACKET, &fd)) return NULL;
  struct tpacket_stats stats = {0};
  socklen_t length = sizeof stats;
  if (getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &stats, &length) < 0) return make_int(env, 0);
  return make_int(env, stats.tp_drops);
}

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
