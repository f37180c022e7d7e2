/*
 * Opening an XDP socket (AF_XDP): frames of one receive queue of an interface pass the kernel's network stack by.
 *
 * Tried in this order, and told: the driver's own XDP before the generic one, zero-copy before copying, frames in
 * several chunks before frames in one.
 */
#include "xdp.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_packet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_QUEUE 4095
#define QUEUE_BYTES (16 << 20)

static void unmap_ring(Ring *ring) {
  if (ring->map) munmap(ring->map, ring->map_bytes);
  memset(ring, 0, sizeof *ring);
}

static void close_if(int *fd) {
  if (*fd >= 0) close(*fd);
  *fd = -1;
}

/* All but the socket itself, and the arena, which lives as long as the kernel may write to it. */
static void destroy(void *state) {
  Xdp *xdp = state;
  close_if(&xdp->link_fd);
  close_if(&xdp->map_fd);
  close_if(&xdp->program_fd);
  close_if(&xdp->asking_fd);
  unmap_ring(&xdp->fill);
  unmap_ring(&xdp->completion);
  unmap_ring(&xdp->rx);
  unmap_ring(&xdp->tx);
  free(xdp->spare);
  free(xdp->is_spare);
  free(xdp->sending);
  free(xdp);
}

static const char *hint_of(int error) {
  switch (error) {
    case EPERM:
    case EACCES:
      return "needs CAP_NET_ADMIN, CAP_NET_RAW and CAP_BPF (root)";
    case EBUSY:
    case EEXIST:
      return "another program has this interface's XDP, or this queue";
    case EAFNOSUPPORT:
      return "this kernel has no XDP sockets";
    case EPROTONOSUPPORT:
      return "this interface does not carry Ethernet frames";
    case ENODEV:
      return "there is no such interface";
    case ENOBUFS:
      return "it may not lock the memory of its frames (ulimit -l, LimitMEMLOCK)";
    case EMSGSIZE:
      return "this kernel takes frames of this MTU in one piece only, which does not fit; use af-packet, or a smaller mtu";
    case EINVAL:
      return "the interface has no such queue, or this kernel is too old";
    default:
      return NULL;
  }
}

static int map_ring(int fd, Ring *ring, const struct xdp_ring_offset *offsets, size_t entry_bytes, uint32_t entries,
                    off_t where) {
  ring->map_bytes = offsets->desc + entries * entry_bytes;
  void *at = mmap(NULL, ring->map_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, where);
  if (at == MAP_FAILED) return errno;
  ring->map = at;
  ring->producer = (uint32_t *)(ring->map + offsets->producer);
  ring->consumer = (uint32_t *)(ring->map + offsets->consumer);
  ring->flags = (uint32_t *)(ring->map + offsets->flags);
  ring->entries = ring->map + offsets->desc;
  ring->mask = entries - 1;
  return 0;
}

static int map_rings(Xdp *xdp) {
  struct xdp_mmap_offsets offsets;
  socklen_t size = sizeof offsets;
  uint32_t entries = xdp->ring_entries;
  if (getsockopt(xdp->fd, SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &size) < 0) return errno;
  int error = map_ring(xdp->fd, &xdp->rx, &offsets.rx, sizeof(struct xdp_desc), entries, XDP_PGOFF_RX_RING);
  if (!error) error = map_ring(xdp->fd, &xdp->tx, &offsets.tx, sizeof(struct xdp_desc), entries, XDP_PGOFF_TX_RING);
  if (!error)
    error = map_ring(xdp->fd, &xdp->fill, &offsets.fr, sizeof(uint64_t), entries, (off_t)XDP_UMEM_PGOFF_FILL_RING);
  if (!error)
    error = map_ring(xdp->fd, &xdp->completion, &offsets.cr, sizeof(uint64_t), entries,
                     (off_t)XDP_UMEM_PGOFF_COMPLETION_RING);
  return error;
}

/* A socket that is bound with these flags; each attempt has one of its own. */
static int open_socket(Xdp *xdp, uint16_t flags, const char **step) {
  *step = "socket(AF_XDP)";
  xdp->fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
  if (xdp->fd < 0) return errno;
  struct xdp_umem_reg memory = {.addr = (uint64_t)(uintptr_t)xdp->arena.at - xdp->delta,
                                .len = slot_address(xdp, xdp->slots),
                                .chunk_size = xdp->slot_bytes,
                                .flags = XDP_UMEM_UNALIGNED_CHUNK_FLAG};
  int entries = (int)xdp->ring_entries, bytes = QUEUE_BYTES;
  setsockopt(xdp->fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes);
  *step = "setsockopt(XDP_UMEM_REG)";
  int error = setsockopt(xdp->fd, SOL_XDP, XDP_UMEM_REG, &memory, sizeof memory) < 0 ? errno : 0;
  if (!error) {
    *step = "setsockopt(XDP_RX_RING)";
    if (setsockopt(xdp->fd, SOL_XDP, XDP_UMEM_FILL_RING, &entries, sizeof entries) < 0 ||
        setsockopt(xdp->fd, SOL_XDP, XDP_UMEM_COMPLETION_RING, &entries, sizeof entries) < 0 ||
        setsockopt(xdp->fd, SOL_XDP, XDP_RX_RING, &entries, sizeof entries) < 0 ||
        setsockopt(xdp->fd, SOL_XDP, XDP_TX_RING, &entries, sizeof entries) < 0)
      error = errno;
  }
  if (!error) error = map_rings(xdp);
  if (!error) {
    *step = "bind(AF_XDP)";
    struct sockaddr_xdp address = {
        .sxdp_family = AF_XDP, .sxdp_flags = flags, .sxdp_ifindex = (uint32_t)xdp->index, .sxdp_queue_id = xdp->queue};
    if (bind(xdp->fd, (struct sockaddr *)&address, sizeof address) < 0) error = errno;
  }
  if (!error) return 0;
  unmap_ring(&xdp->fill);
  unmap_ring(&xdp->completion);
  unmap_ring(&xdp->rx);
  unmap_ring(&xdp->tx);
  close_if(&xdp->fd);
  return error;
}

static int open_best(Xdp *xdp, bool needs_frags, const char **step) {
  const uint16_t attempts[] = {XDP_ZEROCOPY | XDP_USE_SG, XDP_ZEROCOPY, XDP_COPY | XDP_USE_SG, XDP_COPY};
  int error = EMSGSIZE;
  for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; i++) {
    bool zero_copy = (attempts[i] & XDP_ZEROCOPY) != 0, frags = (attempts[i] & XDP_USE_SG) != 0;
    if ((zero_copy && !xdp->driver) || (needs_frags && !frags)) continue;
    int answer = open_socket(xdp, attempts[i] | XDP_USE_NEED_WAKEUP, step);
    xdp->zero_copy = zero_copy;
    xdp->frags = frags;
    if (!answer) return 0;
    /* What a kernel says to frags that it does not know must not hide that it could take no such frame. */
    error = needs_frags && answer == EINVAL ? EMSGSIZE : answer;
    if (strcmp(*step, "bind(AF_XDP)") != 0 || error == EPERM || error == EBUSY || error == ENOMEM) break;
  }
  return error;
}

static int allocate(Xdp *xdp) {
  xdp->delta = (uint32_t)((uintptr_t)xdp->arena.at & (uintptr_t)(getpagesize() - 1));
  xdp->spare_max = xdp->ring_entries;
  xdp->spare = malloc(xdp->spare_max * sizeof *xdp->spare);
  xdp->is_spare = calloc(xdp->slots, sizeof *xdp->is_spare);
  xdp->sending = calloc(xdp->slots, sizeof *xdp->sending);
  return xdp->spare && xdp->is_spare && xdp->sending ? 0 : ENOMEM;
}

/* virtio-net alone sends from our memory even where the kernel is said to copy (IFF_TX_SKB_NO_LINEAR). */
static bool reads_later(const Xdp *xdp, const char name[IFNAMSIZ]) {
  return xdp->zero_copy || interface_has_driver(name, "virtio_net");
}

/* Until that socket is closed. */
static int make_promiscuous(Xdp *xdp) {
  struct packet_mreq all = {.mr_ifindex = xdp->index, .mr_type = PACKET_MR_PROMISC};
  return setsockopt(xdp->asking_fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof all) < 0 ? errno : 0;
}

static int make_program(Xdp *xdp, const char **step) {
  int error;
  *step = "setsockopt(PACKET_ADD_MEMBERSHIP)";
  if ((error = make_promiscuous(xdp))) return error;
  *step = "bpf(BPF_MAP_CREATE)";
  if ((error = xdp_make_map(xdp))) return error;
  *step = "bpf(BPF_PROG_LOAD)";
  if ((error = xdp_load_program(xdp))) return error;
  *step = "bpf(BPF_LINK_CREATE)";
  return xdp_attach_best(xdp);
}

static int set_up(Xdp *xdp, const char name[IFNAMSIZ], bool needs_frags, int64_t map, const char **step) {
  int error;
  *step = "ioctl(SIOCGIFHWADDR)";
  xdp->index = ethernet_index(name);
  if (xdp->index < 0) return -xdp->index;
  *step = "socket";
  xdp->asking_fd = map < 0 ? socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0) : socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (xdp->asking_fd < 0) return errno;
  if (map < 0) {
    if ((error = make_program(xdp, step))) return error;
  } else {
    /* Its owner may close it meanwhile, in another thread. */
    *step = "fcntl(F_DUPFD_CLOEXEC)";
    xdp->map_fd = fcntl((int)map, F_DUPFD_CLOEXEC, 0);
    if (xdp->map_fd < 0) return errno;
  }
  if ((error = open_best(xdp, needs_frags, step))) return error;
  xdp->reads_later = reads_later(xdp, name);
  return 0;
}

static napi_value describe(napi_env env, const Xdp *xdp) {
  napi_value result;
  if (napi_create_object(env, &result) != napi_ok ||
      napi_set_named_property(env, result, "fd", make_int(env, xdp->fd)) != napi_ok ||
      napi_set_named_property(env, result, "zeroCopy", make_bool(env, xdp->zero_copy)) != napi_ok ||
      napi_set_named_property(env, result, "driver", make_bool(env, xdp->driver)) != napi_ok ||
      napi_set_named_property(env, result, "frags", make_bool(env, xdp->frags)) != napi_ok ||
      napi_set_named_property(env, result, "delta", make_int(env, xdp->delta)) != napi_ok ||
      napi_set_named_property(env, result, "map", make_int(env, xdp->map_fd)) != napi_ok)
    return NULL;
  return result;
}

/* Memory that no JavaScript can take away or move. */
static bool arg_shared(napi_env env, napi_value value, Bytes *out) {
  napi_value buffer;
  bool movable = true;
  if (!arg_bytes(env, value, "arena", out)) return false;
  if (napi_get_typedarray_info(env, value, NULL, NULL, NULL, &buffer, NULL) != napi_ok ||
      napi_is_arraybuffer(env, buffer, &movable) != napi_ok || movable)
    return throw_type(env, "arena must lie in a SharedArrayBuffer");
  return true;
}

typedef struct {
  Apart apart;
  char name[IFNAMSIZ];
  bool needs_frags;
  int64_t map;
  napi_ref arena;
  /* The answer: an errno, and what was being done; or 0 and the socket. */
  int error;
  const char *step;
  Xdp *xdp;
} Opening;

static void discard(Opening *opening) {
  int fd = opening->xdp->fd;
  destroy(opening->xdp);
  if (fd >= 0) close(fd);
  opening->xdp = NULL;
}

static void open_apart(Apart *apart) {
  Opening *opening = (Opening *)apart;
  opening->step = "malloc";
  opening->error = allocate(opening->xdp);
  if (!opening->error)
    opening->error = set_up(opening->xdp, opening->name, opening->needs_frags, opening->map, &opening->step);
  if (opening->error) discard(opening);
}

static napi_value take_over(napi_env env, Apart *apart, bool done) {
  Opening *opening = (Opening *)apart;
  int error = done ? opening->error : ECANCELED;
  napi_value result = error ? NULL : describe(env, opening->xdp);
  if (!error && (result == NULL ||
                 !owned_add(env, opening->xdp->fd, OWNED_XDP, opening->xdp, destroy, opening->arena)))
    error = ENOMEM;
  if (error) {
    if (opening->xdp) discard(opening);
    if (opening->arena) napi_delete_reference(env, opening->arena);
    result = throw_errno(env, error, opening->step, opening->name, hint_of(error));
  }
  free(opening);
  return result;
}

/*
 * xdpOpen(name, queue, arena, slotBytes, slots, entries, needsFrags, lastQueue, map, driver) -> a promise of { fd, zeroCopy,
 * driver, frags, delta, map }. The first `slots` slots of the arena are the socket's memory; rings have a power of two of entries;
 * needsFrags: frames are longer than a slot. `delta`: bytes from the beginning of a page to the arena. Nothing arrives
 * before xdpStart.
 *
 * map = -1: puts the program on the interface, for queues up to lastQueue; it goes with this socket. Sockets of further
 * queues, of any thread, are given the `map` and `driver` that this one answered.
 */
napi_value xdp_open(napi_env env, napi_callback_info info) {
  napi_value argv[10];
  char name[IFNAMSIZ] = "";
  int64_t queue, slot_bytes, slots, entries, last_queue, map;
  Bytes arena;
  bool needs_frags, driver;
  if (!args_read(env, info, 10, argv) || !arg_name(env, argv[0], "name", name, sizeof name) ||
      !arg_int(env, argv[1], "queue", 0, MAX_QUEUE, &queue) || !arg_shared(env, argv[2], &arena) ||
      !arg_int(env, argv[3], "slotBytes", 2048, 4096, &slot_bytes) ||
      !arg_int(env, argv[4], "slots", 1, INT32_MAX, &slots) ||
      !arg_int(env, argv[5], "entries", 64, 16384, &entries) || !arg_bool(env, argv[6], "needsFrags", &needs_frags) ||
      !arg_int(env, argv[7], "lastQueue", queue, MAX_QUEUE, &last_queue) ||
      !arg_int(env, argv[8], "map", -1, INT32_MAX, &map) || !arg_bool(env, argv[9], "driver", &driver))
    return NULL;
  if (entries & (entries - 1)) {
    throw_range(env, "entries must be a power of two");
    return NULL;
  }
  if (slots > INT32_MAX / slot_bytes || (size_t)(slots * slot_bytes) > arena.size) {
    throw_range(env, "the arena has no %lld slots", (long long)slots);
    return NULL;
  }
  Opening *opening = calloc(1, sizeof *opening);
  Xdp *xdp = calloc(1, sizeof *xdp);
  if (opening == NULL || xdp == NULL) {
    free(opening);
    free(xdp);
    return throw_errno(env, ENOMEM, "xdpOpen", name, NULL);
  }
  xdp->fd = xdp->map_fd = xdp->program_fd = xdp->link_fd = xdp->asking_fd = -1;
  xdp->queue = (uint32_t)queue;
  xdp->last_queue = (uint32_t)last_queue;
  xdp->driver = driver;
  xdp->arena = arena;
  xdp->slot_bytes = (uint32_t)slot_bytes;
  xdp->slots = (uint32_t)slots;
  xdp->ring_entries = (uint32_t)entries;
  *opening = (Opening){.apart = {.work = open_apart, .settle = take_over},
                       .needs_frags = needs_frags,
                       .map = map,
                       .step = "xdpOpen",
                       .xdp = xdp};
  memcpy(opening->name, name, sizeof name);
  if (napi_create_reference(env, argv[2], 1, &opening->arena) == napi_ok)
    return apart_begin(env, "etherloom: open", &opening->apart);
  take_over(env, &opening->apart, false);
  return NULL;
}

/*
 * xdpStart(fd, slots, receiving): gives the socket slots of its own, the first `receiving` to receive into and the others
 * for what has to be copied to be sent, and diverts frames from then on. Once.
 */
napi_value xdp_start(napi_env env, napi_callback_info info) {
  napi_value argv[3];
  int fd = -1;
  Xdp *xdp;
  Column slots;
  int64_t receiving;
  if (!args_read(env, info, 3, argv) || !(xdp = arg_state(env, argv[0], OWNED_XDP, &fd)) ||
      !arg_column(env, argv[1], "slots", &slots) ||
      !arg_int(env, argv[2], "receiving", 0, (int64_t)slots.count, &receiving))
    return NULL;
  for (size_t n = 0; n < slots.count; n++) {
    uint32_t slot = (uint32_t)slots.at[n];
    if (slot >= xdp->slots || xdp->is_spare[slot]) continue;
    if (n < (size_t)receiving) {
      xdp_give(xdp, slot);
    } else if (xdp->sending[slot] == 0 && xdp->spare_count < xdp->spare_max) {
      xdp->is_spare[slot] = 1;
      xdp->spare[xdp->spare_count++] = slot;
    }
  }
  int error = xdp_divert(xdp);
  if (error) return throw_errno(env, error, "bpf(BPF_MAP_UPDATE_ELEM)", NULL, NULL);
  /* A driver that found nothing to receive into when it was bound waits for this. */
  if (*xdp->fill.flags & XDP_RING_NEED_WAKEUP) recvfrom(fd, NULL, 0, MSG_DONTWAIT, NULL, NULL);
  return NULL;
}

/* xdpClose(fd) -> whether it was open */
napi_value xdp_close(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  return args_read(env, info, 1, argv) ? owned_close(env, argv[0], OWNED_XDP) : NULL;
}

/* xdpState(fd) as packetState; sends what the kernel did not take the last time as well */
napi_value xdp_state(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  int fd = -1;
  Xdp *xdp;
  if (!args_read(env, info, 1, argv) || !(xdp = arg_state(env, argv[0], OWNED_XDP, &fd))) return NULL;
  xdp_kick(xdp);
  return make_int(env, interface_state(xdp->asking_fd, xdp->index));
}

/* xdpMissed(fd) -> frames that found no chunk, no entry, or one too small, since the last question */
napi_value xdp_missed(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  int fd = -1;
  Xdp *xdp;
  if (!args_read(env, info, 1, argv) || !(xdp = arg_state(env, argv[0], OWNED_XDP, &fd))) return NULL;
  struct xdp_statistics stats = {0};
  socklen_t size = sizeof stats;
  if (getsockopt(fd, SOL_XDP, XDP_STATISTICS, &stats, &size) < 0) return make_int(env, 0);
  uint64_t missed = stats.rx_dropped + stats.rx_ring_full + stats.rx_fill_ring_empty_descs;
  uint64_t news = missed - xdp->missed_told;
  xdp->missed_told = missed;
  return make_int(env, (int64_t)news);
}
