/* Opening and closing a UDP underlay, and what is asked of it. */
#include "udp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

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
  if (!args_read(env, info, 8, argv) || !arg_udp_address(env, argv[0], NULL, &address) ||
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
  udp->local = udp_address(udp, address.at, (uint16_t)port);

  const char *step = "epoll_create";
  int error = 0;
  udp->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  if (udp->epoll_fd < 0) error = errno;
  if (!error) {
    step = "bind";
    udp->receiver = udp_make_receiver(udp, &udp->local, false);
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

/* udpPathMtu(fd, address) -> bytes of the longest IP packet that the kernel would send there, 0 without a route */
napi_value udp_path_mtu(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  int fd;
  Udp *udp;
  Bytes address;
  if (!args_read(env, info, 2, argv) || !(udp = arg_state(env, argv[0], OWNED_UDP, &fd)) ||
      !arg_udp_address(env, argv[1], udp, &address))
    return NULL;
  int probe = udp_make_socket(udp);
  if (probe < 0) return throw_errno(env, errno, "socket", NULL, NULL);
  Address from = udp_address(udp, address_of(udp, &udp->local), 0);
  Address to = udp_address(udp, address.at, udp->port);
  int mtu = 0;
  socklen_t size = sizeof mtu;
  bool known = bind(probe, &from.sa, sockaddr_bytes(udp)) == 0 && connect(probe, &to.sa, sockaddr_bytes(udp)) == 0 &&
               (udp->family == AF_INET ? getsockopt(probe, IPPROTO_IP, IP_MTU, &mtu, &size)
                                       : getsockopt(probe, IPPROTO_IPV6, IPV6_MTU, &mtu, &size)) == 0;
  close(probe);
  return make_int(env, known ? mtu : 0);
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
