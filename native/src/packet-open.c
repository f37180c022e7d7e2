/* Opening and closing packet sockets, and what is asked of them: packet.h. */
#include "packet.h"

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
/* Frames longer than a slot that wait in the socket; also what may be on its way out. */
#define QUEUE_BYTES (16 << 20)
#define MAX_SLOTS 16384
/* Groups of `packetOpen`: none, and one that nobody has yet. */
#define NO_GROUP -1
#define NEW_GROUP -2
/* Linux 5.16; older kernels hand what is sent to the members of a group, where it is thrown away. */
#ifndef PACKET_FANOUT_FLAG_IGNORE_OUTGOING
#define PACKET_FANOUT_FLAG_IGNORE_OUTGOING 0x4000
#endif

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
                          error == EPROTONOSUPPORT ? "this interface does not carry Ethernet frames" : hint_of(error))
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
  return make_int(env, interface_state(fd, packet->index));
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
