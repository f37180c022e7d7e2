/*
 * Opening and closing a UDP underlay, its groups and its pool of source ports, and what the kernel tells about paths.
 *
 * Nothing is ever fragmented here: IPv4 with DF follows the path MTU (IP_PMTUDISC_DO), without DF it goes by the
 * interface's MTU and leaves fragmenting to routers (IP_PMTUDISC_INTERFACE). A datagram that is too long fails with
 * EMSGSIZE, and the error queue says which MTU would do.
 */
#include "udp.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <linux/filter.h>
#include <linux/sock_diag.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* Ports of a share that are tried before the pool gives up on it. */
#define BIND_TRIES 256
#define NOTICE_WORDS 7
#ifndef IPV6_MULTICAST_ALL
#define IPV6_MULTICAST_ALL 29
#endif

static bool set_int(int fd, int level, int option, int value) {
  return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

void udp_set_buffer(int fd, int forced, int option, int bytes) {
  if (!set_int(fd, SOL_SOCKET, forced, bytes)) set_int(fd, SOL_SOCKET, option, bytes);
}

static Address with_port(const Udp *udp, const uint8_t *address, uint16_t port) {
  Address out;
  memset(&out, 0, sizeof out);
  out.sa.sa_family = (sa_family_t)udp->family;
  if (udp->family == AF_INET) {
    memcpy(&out.v4.sin_addr, address, 4);
    out.v4.sin_port = htons(port);
  } else {
    memcpy(&out.v6.sin6_addr, address, 16);
    out.v6.sin6_port = htons(port);
    if (IN6_IS_ADDR_LINKLOCAL(&out.v6.sin6_addr) || IN6_IS_ADDR_MC_LINKLOCAL(&out.v6.sin6_addr))
      out.v6.sin6_scope_id = udp->interface;
  }
  return out;
}

static const uint8_t *address_of(const Udp *udp, const Address *address) {
  return udp->family == AF_INET ? (const uint8_t *)&address->v4.sin_addr : (const uint8_t *)&address->v6.sin6_addr;
}

static bool is_group(const Udp *udp, const uint8_t *address) {
  return udp->family == AF_INET ? (address[0] & 0xf0) == 0xe0 : address[0] == 0xff;
}

/* A socket of the underlay's family; -1 with errno. */
static int make_socket(const Udp *udp) {
  int fd = socket(udp->family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd >= 0 && udp->family == AF_INET6 && !set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)) {
    close(fd);
    return -1;
  }
  return fd;
}

/* A socket that receives datagrams for `address`; -1 with errno. */
static int make_receiver(const Udp *udp, const Address *address, bool shared) {
  int fd = make_socket(udp);
  if (fd < 0) return -1;
  udp_set_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, RECEIVE_BUFFER_BYTES);
  if (shared) set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  else if (udp->flags & UDP_OPEN_REUSEPORT) set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1);
  /* Groups that it has joined itself, as with IP_MULTICAST_ALL; since Linux 4.20. */
  if (udp->family == AF_INET6) set_int(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0);
  bool told = udp->family == AF_INET
                  ? set_int(fd, IPPROTO_IP, IP_PKTINFO, 1) && set_int(fd, IPPROTO_IP, IP_RECVTOS, 1) &&
                        set_int(fd, IPPROTO_IP, IP_RECVTTL, 1) && set_int(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0)
                  : set_int(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) && set_int(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1) &&
                        set_int(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1);
  if (udp->family == AF_INET6 && (udp->flags & UDP_OPEN_ZERO_CHECK6)) set_int(fd, SOL_UDP, UDP_NO_CHECK6_RX, 1);
  struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
  if (told && bind(fd, &address->sa, sockaddr_bytes(udp)) == 0 &&
      epoll_ctl(udp->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0) {
    if (udp->flags & UDP_OPEN_GRO) set_int(fd, SOL_UDP, UDP_GRO, 1);
    return fd;
  }
  int error = errno;
  close(fd);
  errno = error;
  return -1;
}

static void destroy(void *state) {
  Udp *udp = state;
  for (int i = 0; i < udp->pool_size; i++)
    if (udp->pool[i].fd >= 0) close(udp->pool[i].fd);
  for (int i = 0; i < udp->group_count; i++)
    if (udp->groups[i].fd >= 0) close(udp->groups[i].fd);
  if (udp->receiver >= 0) close(udp->receiver);
  udp_inbox_free(udp);
  udp_outbox_free(udp);
  free(udp);
}

static bool arg_address(napi_env env, napi_value value, const Udp *udp, Bytes *out) {
  if (!arg_bytes(env, value, "address", out)) return false;
  if (udp ? out->size == address_bytes(udp) : out->size == 4 || out->size == 16) return true;
  return throw_range(env, "address must have %s bytes", udp ? (udp->family == AF_INET ? "4" : "16") : "4 or 16");
}

/*
 * udpOpen(address, interface, port, flags, firstPort, lastPort, pool, innerMtu) -> fd
 *
 * `address` has 4 or 16 bytes; `interface` is the index that link-local addresses and groups belong to, or 0. Inner IP
 * packets longer than `innerMtu` that come without a checksum are super-frames.
 */
napi_value udp_open(napi_env env, napi_callback_info info) {
  napi_value argv[8];
  Bytes address;
  int64_t interface, port, flags, first, last, pool, inner_mtu;
  if (!args_read(env, info, 8, argv) || !arg_address(env, argv[0], NULL, &address) ||
      !arg_int(env, argv[1], "interface", 0, INT32_MAX, &interface) || !arg_int(env, argv[2], "port", 0, 65535, &port) ||
      !arg_int(env, argv[3], "flags", 0, UDP_OPEN_ALL, &flags) ||
      !arg_int(env, argv[4], "firstPort", 1, 65535, &first) || !arg_int(env, argv[5], "lastPort", first, 65535, &last) ||
      !arg_int(env, argv[6], "pool", 1, POOL_MAX, &pool) ||
      !arg_int(env, argv[7], "innerMtu", 576, 65535, &inner_mtu))
    return NULL;
  Udp *udp = calloc(1, sizeof *udp);
  if (udp == NULL) return throw_errno(env, ENOMEM, "socket", NULL, NULL);
  udp->family = address.size == 4 ? AF_INET : AF_INET6;
  udp->interface = (uint32_t)interface;
  udp->flags = (int)flags;
  udp->inner_mtu = (size_t)inner_mtu;
  udp->first_port = (uint16_t)first;
  udp->last_port = (uint16_t)last;
  udp->pool_size = (int)(pool <= last - first + 1 ? pool : last - first + 1);
  for (int i = 0; i < udp->pool_size; i++) udp->pool[i] = (SendSocket){.fd = -1, .discover = -1};
  udp->receiver = -1;
  static const uint8_t unspecified[16];
  udp->any = memcmp(address.at, unspecified, address.size) == 0;
  udp->local = with_port(udp, address.at, (uint16_t)port);

  const char *step = "epoll_create";
  int error = 0;
  udp->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  if (udp->epoll_fd < 0) error = errno;
  if (!error) {
    step = "bind";
    udp->receiver = make_receiver(udp, &udp->local, false);
    socklen_t size = sizeof udp->local;
    if (udp->receiver < 0 || getsockname(udp->receiver, &udp->local.sa, &size) < 0) error = errno;
  }
  udp->port = ntohs(udp->family == AF_INET ? udp->local.v4.sin_port : udp->local.v6.sin6_port);
  if (!error && !(udp_inbox_make(udp) && udp_outbox_make(udp))) error = ENOMEM;
  if (!error && owned_add(env, udp->epoll_fd, OWNED_UDP, udp, destroy, NULL)) return make_int(env, udp->epoll_fd);
  if (!error) error = ENOMEM;
  if (udp->epoll_fd >= 0) close(udp->epoll_fd);
  destroy(udp);
  return throw_errno(env, error, step, NULL, NULL);
}

/* udpClose(fd) -> whether it was open */
napi_value udp_close(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  if (!args_read(env, info, 1, argv)) return NULL;
  return owned_close(env, argv[0], OWNED_UDP);
}

/* udpPort(fd) -> the port it receives on */
napi_value udp_port(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  int fd;
  Udp *udp;
  if (!args_read(env, info, 1, argv) || !(udp = arg_state(env, argv[0], OWNED_UDP, &fd))) return NULL;
  return make_int(env, udp->port);
}

static bool membership(const Udp *udp, int fd, const Address *group, uint32_t interface, bool join) {
  if (udp->family == AF_INET) {
    struct ip_mreqn request = {.imr_multiaddr = group->v4.sin_addr, .imr_ifindex = (int)interface};
    return setsockopt(fd, IPPROTO_IP, join ? IP_ADD_MEMBERSHIP : IP_DROP_MEMBERSHIP, &request, sizeof request) == 0;
  }
  struct ipv6_mreq request = {.ipv6mr_multiaddr = group->v6.sin6_addr, .ipv6mr_interface = interface};
  return setsockopt(fd, IPPROTO_IPV6, join ? IPV6_JOIN_GROUP : IPV6_LEAVE_GROUP, &request, sizeof request) == 0;
}

static int find_group(const Udp *udp, const uint8_t *address, int64_t interface) {
  for (int i = 0; i < udp->group_count; i++) {
    const Group *each = &udp->groups[i];
    if ((interface < 0 || each->interface == (uint32_t)interface) &&
        memcmp(address_of(udp, &each->group), address, address_bytes(udp)) == 0)
      return i;
  }
  return -1;
}

uint32_t udp_group_interface(const Udp *udp, const uint8_t *address) {
  if (!is_group(udp, address)) return 0;
  int at = find_group(udp, address, -1);
  return at < 0 ? udp->interface : udp->groups[at].interface;
}

/* udpJoin(fd, address, interface): receives the group from now on; a group that is joined already stays so */
napi_value udp_join(napi_env env, napi_callback_info info) {
  napi_value argv[3];
  int fd;
  Udp *udp;
  Bytes address;
  int64_t interface;
  if (!args_read(env, info, 3, argv) || !(udp = arg_state(env, argv[0], OWNED_UDP, &fd)) ||
      !arg_address(env, argv[1], udp, &address) || !arg_int(env, argv[2], "interface", 0, INT32_MAX, &interface))
    return NULL;
  if (!is_group(udp, address.at)) {
    throw_range(env, "address is no multicast group");
    return NULL;
  }
  if (find_group(udp, address.at, interface) >= 0) return NULL;
  if (udp->group_count == GROUPS_MAX) return throw_errno(env, ENOBUFS, "setsockopt", NULL, "too many groups");
  Group group = {.fd = -1, .group = with_port(udp, address.at, udp->port), .interface = (uint32_t)interface};
  if (udp->family == AF_INET6 && interface > 0) group.group.v6.sin6_scope_id = (uint32_t)interface;
  /* Bound to the group itself, a socket gets no datagram that belongs to another program. */
  if (!udp->any && (group.fd = make_receiver(udp, &group.group, true)) < 0)
    return throw_errno(env, errno, "bind", NULL, NULL);
  if (!membership(udp, udp->any ? udp->receiver : group.fd, &group.group, group.interface, true)) {
    int error = errno;
    if (group.fd >= 0) close(group.fd);
    return throw_errno(env, error, "setsockopt(ADD_MEMBERSHIP)", NULL, NULL);
  }
  udp->groups[udp->group_count++] = group;
  return NULL;
}

/* udpLeave(fd, address, interface) -> whether it was joined */
napi_value udp_leave(napi_env env, napi_callback_info info) {
  napi_value argv[3];
  int fd;
  Udp *udp;
  Bytes address;
  int64_t interface;
  if (!args_read(env, info, 3, argv) || !(udp = arg_state(env, argv[0], OWNED_UDP, &fd)) ||
      !arg_address(env, argv[1], udp, &address) || !arg_int(env, argv[2], "interface", 0, INT32_MAX, &interface))
    return NULL;
  int at = find_group(udp, address.at, interface);
  if (at < 0) return make_bool(env, false);
  Group group = udp->groups[at];
  udp->groups[at] = udp->groups[--udp->group_count];
  if (group.fd >= 0) close(group.fd);
  else membership(udp, udp->receiver, &group.group, group.interface, false);
  return make_bool(env, true);
}

/* Bound to the first free port of [first, last], or of all ports when none of those is; false with errno. */
static bool bind_between(const Udp *udp, int fd, uint16_t first, uint16_t last) {
  for (int tries = 0; tries < BIND_TRIES && first + tries <= last; tries++) {
    Address source = with_port(udp, address_of(udp, &udp->local), (uint16_t)(first + tries));
    if (bind(fd, &source.sa, sockaddr_bytes(udp)) == 0) return true;
    if (errno != EADDRINUSE && errno != EACCES) return false;
  }
  Address source = with_port(udp, address_of(udp, &udp->local), 0);
  return bind(fd, &source.sa, sockaddr_bytes(udp)) == 0;
}

static int make_sender(const Udp *udp, int index) {
  int fd = make_socket(udp);
  if (fd < 0) return -1;
  udp_set_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, SEND_BUFFER_BYTES);
  /* What somebody sends to a source port is thrown away before it takes memory. */
  struct sock_filter nothing = {.code = BPF_RET | BPF_K, .k = 0};
  struct sock_fprog filter = {.len = 1, .filter = &nothing};
  setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter);
  if (udp->family == AF_INET) {
    set_int(fd, IPPROTO_IP, IP_RECVERR, 1);
    set_int(fd, IPPROTO_IP, IP_MULTICAST_LOOP, 0);
  } else {
    set_int(fd, IPPROTO_IPV6, IPV6_RECVERR, 1);
    set_int(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0);
  }
  int ports = udp->last_port - udp->first_port + 1;
  int first = udp->first_port + index * ports / udp->pool_size;
  int last = udp->first_port + (index + 1) * ports / udp->pool_size - 1;
  if (bind_between(udp, fd, (uint16_t)first, (uint16_t)last)) return fd;
  int error = errno;
  close(fd);
  errno = error;
  return -1;
}

SendSocket *udp_pool_socket(Udp *udp, uint16_t source_port) {
  int ports = udp->last_port - udp->first_port + 1;
  int offset = source_port < udp->first_port ? source_port : source_port - udp->first_port;
  SendSocket *sender = &udp->pool[offset % ports * udp->pool_size / ports];
  if (sender->fd < 0) sender->fd = make_sender(udp, (int)(sender - udp->pool));
  return sender->fd < 0 ? NULL : sender;
}

static void note(Udp *udp, const uint8_t *address, int error, uint32_t mtu) {
  if (udp->notice_count == NOTICES_MAX) return; /* the next datagram tells it again */
  Notice *notice = &udp->notices[udp->notice_count++];
  memset(notice->address, 0, sizeof notice->address);
  memcpy(notice->address, address, address_bytes(udp));
  notice->error = error;
  notice->mtu = mtu;
}

int udp_drain_errors(Udp *udp, int fd) {
  int taken = 0;
  for (; taken < 64; taken++) {
    uint8_t control[512];
    uint8_t payload[1];
    Address to;
    struct iovec part = {payload, sizeof payload};
    struct msghdr message = {.msg_name = &to,
                             .msg_namelen = sizeof to,
                             .msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    if (recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) break;
    if (message.msg_namelen < sizeof(struct sockaddr_in) || to.sa.sa_family != udp->family) continue;
    for (struct cmsghdr *each = CMSG_FIRSTHDR(&message); each; each = CMSG_NXTHDR(&message, each)) {
      bool v4 = each->cmsg_level == IPPROTO_IP && each->cmsg_type == IP_RECVERR;
      bool v6 = each->cmsg_level == IPPROTO_IPV6 && each->cmsg_type == IPV6_RECVERR;
      if ((!v4 && !v6) || each->cmsg_len < CMSG_LEN(sizeof(struct sock_extended_err))) continue;
      struct sock_extended_err said;
      memcpy(&said, CMSG_DATA(each), sizeof said);
      note(udp, address_of(udp, &to), (int)said.ee_errno, said.ee_errno == EMSGSIZE ? said.ee_info : 0);
    }
  }
  return taken;
}

/*
 * udpNotices(fd, out) -> how many: what the kernel told about destinations since the last call, seven words each:
 * address (four words of it, as they stand in memory), its length in bytes, errno, MTU (for EMSGSIZE).
 */
napi_value udp_notices(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  int fd;
  Udp *udp;
  Column out;
  if (!args_read(env, info, 2, argv) || !(udp = arg_state(env, argv[0], OWNED_UDP, &fd)) ||
      !arg_column(env, argv[1], "out", &out))
    return NULL;
  int count = udp->notice_count;
  if ((size_t)count > out.count / NOTICE_WORDS) count = (int)(out.count / NOTICE_WORDS);
  for (int i = 0; i < count; i++) {
    int32_t *at = out.at + i * NOTICE_WORDS;
    memcpy(at, udp->notices[i].address, 16);
    at[4] = (int32_t)address_bytes(udp);
    at[5] = udp->notices[i].error;
    at[6] = (int32_t)udp->notices[i].mtu;
  }
  memmove(udp->notices, udp->notices + count, (size_t)(udp->notice_count - count) * sizeof(Notice));
  udp->notice_count -= count;
  return make_int(env, count);
}

/* udpPathMtu(fd, address) -> bytes of the longest IP packet that the kernel would send there, 0 without a route */
napi_value udp_path_mtu(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  int fd;
  Udp *udp;
  Bytes address;
  if (!args_read(env, info, 2, argv) || !(udp = arg_state(env, argv[0], OWNED_UDP, &fd)) ||
      !arg_address(env, argv[1], udp, &address))
    return NULL;
  int probe = make_socket(udp);
  if (probe < 0) return throw_errno(env, errno, "socket", NULL, NULL);
  Address from = with_port(udp, address_of(udp, &udp->local), 0);
  Address to = with_port(udp, address.at, udp->port);
  int mtu = 0;
  socklen_t size = sizeof mtu;
  bool known = bind(probe, &from.sa, sockaddr_bytes(udp)) == 0 && connect(probe, &to.sa, sockaddr_bytes(udp)) == 0 &&
               (udp->family == AF_INET ? getsockopt(probe, IPPROTO_IP, IP_MTU, &mtu, &size)
                                       : getsockopt(probe, IPPROTO_IPV6, IPV6_MTU, &mtu, &size)) == 0;
  close(probe);
  return make_int(env, known ? mtu : 0);
}

uint32_t udp_drops_of(int fd) {
  uint32_t memory[SK_MEMINFO_VARS] = {0};
  socklen_t size = sizeof memory;
  return getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &size) == 0 ? memory[SK_MEMINFO_DROPS] : 0;
}

/* udpDrops(fd) -> datagrams that the kernel did not keep for us: no room, or a wrong checksum */
napi_value udp_drops(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  int fd;
  Udp *udp;
  if (!args_read(env, info, 1, argv) || !(udp = arg_state(env, argv[0], OWNED_UDP, &fd))) return NULL;
  int64_t drops = udp_drops_of(udp->receiver);
  for (int i = 0; i < udp->group_count; i++)
    if (udp->groups[i].fd >= 0) drops += udp_drops_of(udp->groups[i].fd);
  return make_int(env, drops);
}
