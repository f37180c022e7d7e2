/*
 * Opening an XDP socket (AF_XDP): frames of one receive queue of an interface pass the kernel's network stack by.
 *
 * The program that diverts them is five instructions, loaded as they are: no compiler and no library is needed. It is
 * attached by a link, whose descriptor is the attachment: when it is closed, by us or by the end of the process
 * however that comes, the program is off the interface. Nothing stale can stay for a next start to find.
 *
 * Tried in this order, and told: the driver's own XDP before the generic one, zero-copy before copying, frames in
 * several chunks before frames in one.
 */
#include "xdp.h"

#include <errno.h>
#include <linux/bpf.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_QUEUE 4095
#define QUEUE_BYTES (16 << 20)

static int bpf(int command, union bpf_attr *attributes) {
  return (int)syscall(SYS_bpf, command, attributes, sizeof *attributes);
}

static void unmap_ring(Ring *ring) {
  if (ring->map) munmap(ring->map, ring->map_bytes);
  memset(ring, 0, sizeof *ring);
}

static void close_if(int *fd) {
  if (*fd >= 0) close(*fd);
  *fd = -1;
}

/* All but the socket itself. */
static void destroy(void *state) {
  Xdp *xdp = state;
  close_if(&xdp->link_fd);
  close_if(&xdp->map_fd);
  close_if(&xdp->program_fd);
  close_if(&xdp->promiscuous_fd);
  unmap_ring(&xdp->fill);
  unmap_ring(&xdp->completion);
  unmap_ring(&xdp->rx);
  unmap_ring(&xdp->tx);
  if (xdp->memory) munmap(xdp->memory, xdp->memory_bytes);
  free(xdp->free_chunks);
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
    case EMEDIUMTYPE:
      return "this interface does not carry Ethernet frames";
    case ENODEV:
      return "there is no such interface";
    case EMSGSIZE:
      return "this kernel takes frames of this MTU in one piece only, which does not fit; use af-packet, or a smaller mtu";
    case EINVAL:
      return "the interface has no such queue, or this kernel is too old";
    default:
      return NULL;
  }
}

static int make_map(Xdp *xdp, uint32_t queue) {
  union bpf_attr attributes = {0};
  attributes.map_type = BPF_MAP_TYPE_XSKMAP;
  attributes.key_size = sizeof(uint32_t);
  attributes.value_size = sizeof(uint32_t);
  attributes.max_entries = queue + 1;
  xdp->map_fd = bpf(BPF_MAP_CREATE, &attributes);
  return xdp->map_fd < 0 ? errno : 0;
}

/* return bpf_redirect_map(&sockets, context->rx_queue_index, XDP_PASS): other queues are the host's. */
static int load_program(Xdp *xdp) {
  const struct bpf_insn program[] = {
      {.code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = BPF_REG_2, .src_reg = BPF_REG_1,
       .off = offsetof(struct xdp_md, rx_queue_index)},
      {.code = BPF_LD | BPF_IMM | BPF_DW, .dst_reg = BPF_REG_1, .src_reg = BPF_PSEUDO_MAP_FD, .imm = xdp->map_fd},
      {.code = 0},
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_3, .imm = XDP_PASS},
      {.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_redirect_map},
      {.code = BPF_JMP | BPF_EXIT},
  };
  union bpf_attr attributes = {0};
  attributes.prog_type = BPF_PROG_TYPE_XDP;
  attributes.insns = (uint64_t)(uintptr_t)program;
  attributes.insn_cnt = sizeof program / sizeof program[0];
  attributes.license = (uint64_t)(uintptr_t) "Apache-2.0";
  memcpy(attributes.prog_name, "etherloom", sizeof "etherloom");
  attributes.prog_flags = BPF_F_XDP_HAS_FRAGS;
  xdp->program_fd = bpf(BPF_PROG_LOAD, &attributes);
  if (xdp->program_fd < 0 && errno == EINVAL) {
    attributes.prog_flags = 0;
    xdp->program_fd = bpf(BPF_PROG_LOAD, &attributes);
  }
  return xdp->program_fd < 0 ? errno : 0;
}

static int attach(Xdp *xdp, uint32_t mode) {
  union bpf_attr attributes = {0};
  attributes.link_create.prog_fd = (uint32_t)xdp->program_fd;
  attributes.link_create.target_ifindex = (uint32_t)xdp->index;
  attributes.link_create.attach_type = BPF_XDP;
  attributes.link_create.flags = mode;
  xdp->link_fd = bpf(BPF_LINK_CREATE, &attributes);
  return xdp->link_fd < 0 ? errno : 0;
}

static int attach_best(Xdp *xdp) {
  int error = attach(xdp, XDP_FLAGS_DRV_MODE);
  xdp->driver = error == 0;
  if (!error || error == EBUSY || error == EEXIST || error == EPERM || error == EACCES) return error;
  return attach(xdp, XDP_FLAGS_SKB_MODE);
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
static int open_socket(Xdp *xdp, uint32_t queue, uint16_t flags) {
  xdp->fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
  if (xdp->fd < 0) return errno;
  struct xdp_umem_reg memory = {
      .addr = (uint64_t)(uintptr_t)xdp->memory, .len = xdp->memory_bytes, .chunk_size = xdp->chunk_bytes};
  int entries = (int)xdp->ring_entries, bytes = QUEUE_BYTES;
  setsockopt(xdp->fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes);
  int error = 0;
  if (setsockopt(xdp->fd, SOL_XDP, XDP_UMEM_REG, &memory, sizeof memory) < 0 ||
      setsockopt(xdp->fd, SOL_XDP, XDP_UMEM_FILL_RING, &entries, sizeof entries) < 0 ||
      setsockopt(xdp->fd, SOL_XDP, XDP_UMEM_COMPLETION_RING, &entries, sizeof entries) < 0 ||
      setsockopt(xdp->fd, SOL_XDP, XDP_RX_RING, &entries, sizeof entries) < 0 ||
      setsockopt(xdp->fd, SOL_XDP, XDP_TX_RING, &entries, sizeof entries) < 0)
    error = errno;
  if (!error) error = map_rings(xdp);
  if (!error) {
    struct sockaddr_xdp address = {
        .sxdp_family = AF_XDP, .sxdp_flags = flags, .sxdp_ifindex = (uint32_t)xdp->index, .sxdp_queue_id = queue};
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

static int open_best(Xdp *xdp, uint32_t queue, bool needs_frags) {
  const uint16_t attempts[] = {XDP_ZEROCOPY | XDP_USE_SG, XDP_ZEROCOPY, XDP_COPY | XDP_USE_SG, XDP_COPY};
  int error = EMSGSIZE;
  for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; i++) {
    bool zero_copy = (attempts[i] & XDP_ZEROCOPY) != 0, frags = (attempts[i] & XDP_USE_SG) != 0;
    if ((zero_copy && !xdp->driver) || (needs_frags && !frags)) continue;
    int answer = open_socket(xdp, queue, attempts[i] | XDP_USE_NEED_WAKEUP);
    xdp->zero_copy = zero_copy;
    xdp->frags = frags;
    if (!answer) return 0;
    /* What a kernel says to frags that it does not know must not hide that it could take no such frame. */
    error = needs_frags && answer == EINVAL ? EMSGSIZE : answer;
    if (error == EPERM || error == EBUSY || error == ENOMEM || error == EAFNOSUPPORT) break;
  }
  return error;
}

static int allocate(Xdp *xdp, uint32_t chunk_bytes, uint32_t ring_entries) {
  xdp->chunk_bytes = chunk_bytes;
  xdp->ring_entries = ring_entries;
  xdp->memory_bytes = (size_t)chunk_bytes * ring_entries * 2;
  xdp->free_chunks = malloc(ring_entries * sizeof *xdp->free_chunks);
  void *at = mmap(NULL, xdp->memory_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) return errno;
  xdp->memory = at;
  if (xdp->free_chunks == NULL) return ENOMEM;
  for (uint32_t i = 0; i < ring_entries; i++) xdp->free_chunks[i] = 2 * ring_entries - 1 - i;
  xdp->free_count = ring_entries;
  return 0;
}

/* Until its descriptor is closed. */
static int make_promiscuous(Xdp *xdp) {
  struct packet_mreq all = {.mr_ifindex = xdp->index, .mr_type = PACKET_MR_PROMISC};
  xdp->promiscuous_fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
  if (xdp->promiscuous_fd < 0) return errno;
  return setsockopt(xdp->promiscuous_fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof all) < 0 ? errno : 0;
}

static int divert(Xdp *xdp, uint32_t queue) {
  uint32_t key = queue, value = (uint32_t)xdp->fd;
  union bpf_attr attributes = {0};
  attributes.map_fd = (uint32_t)xdp->map_fd;
  attributes.key = (uint64_t)(uintptr_t)&key;
  attributes.value = (uint64_t)(uintptr_t)&value;
  if (bpf(BPF_MAP_UPDATE_ELEM, &attributes) < 0) return errno;
  for (uint32_t i = 0; i < xdp->ring_entries; i++) *address_at(&xdp->fill, i) = (uint64_t)i * xdp->chunk_bytes;
  ring_store(xdp->fill.producer, xdp->ring_entries);
  return 0;
}

static int set_up(Xdp *xdp, const char name[IFNAMSIZ], uint32_t queue, bool needs_frags, const char **step) {
  int error;
  *step = "ioctl(SIOCGIFHWADDR)";
  xdp->index = ethernet_index(name);
  if (xdp->index < 0) return -xdp->index;
  *step = "setsockopt(PACKET_ADD_MEMBERSHIP)";
  if ((error = make_promiscuous(xdp))) return error;
  *step = "bpf(BPF_MAP_CREATE)";
  if ((error = make_map(xdp, queue))) return error;
  *step = "bpf(BPF_PROG_LOAD)";
  if ((error = load_program(xdp))) return error;
  *step = "bpf(BPF_LINK_CREATE)";
  if ((error = attach_best(xdp))) return error;
  *step = "bind(AF_XDP)";
  if ((error = open_best(xdp, queue, needs_frags))) return error;
  *step = "bpf(BPF_MAP_UPDATE_ELEM)";
  return divert(xdp, queue);
}

static napi_value describe(napi_env env, const Xdp *xdp) {
  napi_value result;
  if (napi_create_object(env, &result) != napi_ok ||
      napi_set_named_property(env, result, "fd", make_int(env, xdp->fd)) != napi_ok ||
      napi_set_named_property(env, result, "zeroCopy", make_bool(env, xdp->zero_copy)) != napi_ok ||
      napi_set_named_property(env, result, "driver", make_bool(env, xdp->driver)) != napi_ok ||
      napi_set_named_property(env, result, "frags", make_bool(env, xdp->frags)) != napi_ok)
    return NULL;
  return result;
}

/*
 * xdpOpen(name, queue, chunkBytes, entries, needsFrags) -> { fd, zeroCopy, driver, frags }. Chunks have 2048 or 4096
 * bytes, rings a power of two of entries; needsFrags: frames are longer than a chunk.
 */
napi_value xdp_open(napi_env env, napi_callback_info info) {
  napi_value argv[5];
  char name[IFNAMSIZ] = "";
  int64_t queue, chunk_bytes, entries;
  bool needs_frags;
  if (!args_read(env, info, 5, argv) || !arg_name(env, argv[0], "name", name, sizeof name) ||
      !arg_int(env, argv[1], "queue", 0, MAX_QUEUE, &queue) ||
      !arg_int(env, argv[2], "chunkBytes", 2048, 4096, &chunk_bytes) ||
      !arg_int(env, argv[3], "entries", 64, 16384, &entries) || !arg_bool(env, argv[4], "needsFrags", &needs_frags))
    return NULL;
  if ((chunk_bytes & (chunk_bytes - 1)) || (entries & (entries - 1))) {
    throw_range(env, "chunkBytes and entries must be powers of two");
    return NULL;
  }
  Xdp *xdp = calloc(1, sizeof *xdp);
  if (xdp == NULL) return throw_errno(env, ENOMEM, "xdpOpen", name, NULL);
  xdp->fd = xdp->map_fd = xdp->program_fd = xdp->link_fd = xdp->promiscuous_fd = -1;
  const char *step = "mmap";
  int error = allocate(xdp, (uint32_t)chunk_bytes, (uint32_t)entries);
  if (!error) error = set_up(xdp, name, (uint32_t)queue, needs_frags, &step);
  napi_value result = error ? NULL : describe(env, xdp);
  if (!error && (result == NULL || !owned_add(env, xdp->fd, OWNED_XDP, xdp, destroy))) error = ENOMEM;
  if (!error) return result;
  int fd = xdp->fd;
  destroy(xdp);
  if (fd >= 0) close(fd);
  return throw_errno(env, error, step, name, hint_of(error));
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
  return make_int(env, interface_state(xdp->index));
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
